package io.gpuledger.cli.config;

/** A {@code gpu-ledger.yaml} with every key at its default. */
public final class Template {
    private static final String HEAD =
            """
            # gpu-ledger.yaml: every key with its default. What is left out is the default.
            #
            # Read from --config FILE, else GPU_LEDGER_CONFIG, else gpu-ledger/gpu-ledger.yaml in
            # XDG_CONFIG_HOME (~/.config). An option beats the environment, the environment beats this file.
            # Durations are a number with its unit: ms, s, min, h or d.
            """;

    private Template() {}

    /** Reads back to the defaults. */
    public static String text() {
        StringBuilder out = new StringBuilder(HEAD);
        String section = "";
        for (Key<?> key : Keys.ALL) {
            int dot = key.name().indexOf('.');
            String own = dot < 0 ? "" : key.name().substring(0, dot);
            out.append('\n');
            if (!own.equals(section)) {
                out.append(own).append(":\n");
                section = own;
            }
            String indent = own.isEmpty() ? "" : "  ";
            out.append(indent).append("# ").append(key.description()).append('\n');
            out.append(
                    "%s# Unit: %s. Environment: %s.\n"
                            .formatted(indent, key.type().unit(), key.environmentVariable()));
            out.append(
                    "%s%s: %s\n"
                            .formatted(
                                    indent,
                                    key.name().substring(dot + 1),
                                    key.standard().isEmpty() ? "\"\"" : key.standard()));
        }
        return out.toString();
    }
}
