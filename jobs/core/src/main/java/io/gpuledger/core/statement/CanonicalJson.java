package io.gpuledger.core.statement;

/** JSON that is always the same: fields as they come, no spaces, whole numbers only. */
final class CanonicalJson {
    private final StringBuilder text = new StringBuilder();

    CanonicalJson open(char bracket) {
        comma();
        text.append(bracket);
        return this;
    }

    CanonicalJson close(char bracket) {
        text.append(bracket);
        return this;
    }

    CanonicalJson name(String name) {
        comma();
        quoted(name);
        text.append(':');
        return this;
    }

    CanonicalJson value(String value) {
        comma();
        quoted(value);
        return this;
    }

    CanonicalJson field(String name, String value) {
        name(name);
        quoted(value);
        return this;
    }

    CanonicalJson field(String name, long value) {
        name(name);
        text.append(value);
        return this;
    }

    CanonicalJson field(String name, boolean value) {
        name(name);
        text.append(value);
        return this;
    }

    private void comma() {
        if (!text.isEmpty() && "{[:".indexOf(text.charAt(text.length() - 1)) < 0) {
            text.append(',');
        }
    }

    /** The escapes that JSON asks for, and no others. */
    private void quoted(String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < ' ') {
                text.append("\\u%04x".formatted((int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }

    String text() {
        return text + "\n";
    }
}
