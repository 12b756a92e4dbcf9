package io.gpuledger.cli.config;

import java.util.List;
import java.util.Locale;

/**
 * One thing that can be configured.
 *
 * @param name as written in {@code gpu-ledger.yaml}, sections and key joined by dots
 * @param type what values it takes
 * @param standard the default as it would be written; empty when there is none, and then an empty
 *     value is allowed and means the same
 * @param description one sentence or two for the person who sets it
 */
public record Key<T>(String name, ValueType<T> type, String standard, String description) {

    /** {@code attribution.settle} is {@code GPU_LEDGER_ATTRIBUTION_SETTLE}. */
    public String environmentVariable() {
        return "GPU_LEDGER_" + name.replace('.', '_').toUpperCase(Locale.ROOT);
    }

    /** What the text means. */
    T read(String text) throws BadValueException {
        if (text.isEmpty() && !standard.isEmpty()) {
            throw new BadValueException("is empty; give a value or leave the key out");
        }
        return type.reader().read(text);
    }

    /** Says what is wrong with what somebody wrote, if anything. */
    void check(Setting setting, List<String> problems) {
        try {
            read(setting.text());
        } catch (BadValueException e) {
            problems.add(problem(setting, e));
        }
    }

    /** One line for people. */
    String problem(Setting setting, BadValueException e) {
        String shown = shown(setting.text());
        return "%s %s%s"
                .formatted(setting.subject(), shown.isEmpty() ? "" : shown + " ", e.getMessage());
    }

    /** The text for people: no secret, and no password of a URL. */
    public String shown(String text) {
        if (type.isSecret()) {
            return text.isEmpty() ? "" : "******";
        }
        return text.replaceAll("//[^/@]*@", "//******@");
    }
}
