package io.gpuledger.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Who really held the cards of the recording, and what the ledger says of it. */
final class HeldTruth {
    /** Only polls saw the run that slurmdbd overwrote (node with a dead slurmd, 11 s). */
    static final String LOST_RUN = "fakehpc/64/1795434894";

    private HeldTruth() {}

    /** GPU-seconds by run from {@code usage --by run --format csv}. */
    static Map<String, String> ofUsage(String csv) {
        Map<String, String> held = new TreeMap<>();
        for (String line : csv.lines().skip(1).toList()) {
            String[] cells = line.split(",", -1);
            long ms = Long.parseLong(cells[1]) + Long.parseLong(cells[2]);
            if (!cells[0].isEmpty() && ms > 0) {
                held.put(cells[0], seconds(ms));
            }
        }
        return held;
    }

    /** GPU-seconds by run from the recording's own oracle, the lost run apart. */
    static Map<String, String> expected() throws IOException {
        Map<String, Long> held = new TreeMap<>();
        for (String line :
                Files.readAllLines(Path.of("src/test/resources/held.csv")).stream()
                        .skip(1)
                        .toList()) {
            String[] cells = line.split(",", -1);
            if (!cells[3].isEmpty()) {
                long ms = new java.math.BigDecimal(cells[3]).movePointRight(3).longValueExact();
                held.merge("fakehpc/" + cells[0] + "/" + cells[1], ms, Long::sum);
            }
        }
        Map<String, String> seconds = new TreeMap<>();
        held.forEach(
                (run, ms) -> {
                    if (ms > 0) {
                        seconds.put(run, seconds(ms));
                    }
                });
        return seconds;
    }

    private static String seconds(long ms) {
        return "%d.%03d".formatted(ms / 1000, ms % 1000);
    }
}
