package io.gpuledger.cli;

import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.time.Span;
import io.gpuledger.sql.QuotaQuery;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Balances for people. */
final class QuotaOutput {
    private static final int BAR = 20;
    private static final DateTimeFormatter MINUTE =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm", Locale.ROOT);
    private static final DateTimeFormatter MILLISECOND =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSS", Locale.ROOT);
    private static final List<String> STATES =
            List.of("EXPIRED", "EXHAUSTED", "CRITICAL", "WARNING", "OK");

    private final ZoneId zone;

    QuotaOutput(ZoneId zone) {
        this.zone = zone;
    }

    /** Exhausted first, then what is exhausted soonest, then what is used most. */
    static List<QuotaQuery.Standing> byUrgency(List<QuotaQuery.Standing> standings) {
        return standings.stream()
                .sorted(
                        Comparator.comparingInt((QuotaQuery.Standing s) -> urgency(s.state()))
                                .thenComparingLong(QuotaOutput::exhausts)
                                .thenComparing(
                                        Comparator.comparingLong(QuotaOutput::usedPermille)
                                                .reversed())
                                .thenComparing(QuotaQuery.Standing::grantId))
                .toList();
    }

    /** What is used up first: an expired grant is over, and mostly known to be. */
    private static int urgency(String state) {
        return state.equals("EXPIRED") ? STATES.size() : STATES.indexOf(state);
    }

    private static long exhausts(QuotaQuery.Standing s) {
        long running = s.exhaustsRunningMs() < 0 ? Long.MAX_VALUE : s.exhaustsRunningMs();
        long trailing = s.exhaustsTrailingMs() < 0 ? Long.MAX_VALUE : s.exhaustsTrailingMs();
        return Math.min(running, trailing);
    }

    private static long usedPermille(QuotaQuery.Standing s) {
        return s.limited() && s.budgetGpuUs() > 0
                ? BigDecimal.valueOf(s.usedGpuUs())
                        .multiply(BigDecimal.valueOf(1_000))
                        .divide(BigDecimal.valueOf(s.budgetGpuUs()), 0, RoundingMode.DOWN)
                        .longValue()
                : s.limited() ? 1_000 : 0;
    }

    String table(List<QuotaQuery.Standing> standings) {
        TextTable table =
                new TextTable(
                        3,
                        List.of(
                                "grant",
                                "state",
                                "",
                                "used %",
                                "budget h",
                                "used h",
                                "running h",
                                "GPUs",
                                "committed h",
                                "left h",
                                "burn h/day",
                                "exhausts"));
        for (QuotaQuery.Standing s : byUrgency(standings)) {
            table.add(
                    List.of(
                            s.grantId(),
                            s.state() + (s.dryRun() && s.sequence() > 0 ? " (dry run)" : ""),
                            bar(s),
                            s.limited() ? percent(s) : "-",
                            s.limited() ? hours(s.budgetGpuUs()) : "-",
                            hours(s.usedGpuUs()),
                            hours(s.runningGpuUs()),
                            BigDecimal.valueOf(s.runningGpuMilli(), 3)
                                    .stripTrailingZeros()
                                    .toPlainString(),
                            hours(s.committedGpuUs()),
                            s.limited() ? hours(s.budgetGpuUs() - s.usedGpuUs()) : "-",
                            burn(s),
                            exhausts(s) == Long.MAX_VALUE ? "-" : at(exhausts(s), MINUTE)));
        }
        return table.toString();
    }

    String detail(QuotaQuery.Standing s, List<QuotaQuery.Decided> decisions) {
        StringBuilder out = new StringBuilder();
        out.append(table(List.of(s))).append('\n');
        out.append("As of %s.".formatted(at(s.asOfMs(), MILLISECOND)));
        if (s.registryVersion() > 0) {
            out.append(
                    " Term %s to %s, registry version %d."
                            .formatted(
                                    at(s.termStartMs(), MINUTE),
                                    at(s.termEndMs(), MINUTE),
                                    s.registryVersion()));
        }
        out.append(
                "\nAll is used: %s if the %d open runs go on, %s at the pace of the last %d h.\n"
                        .formatted(
                                forecast(s.exhaustsRunningMs()),
                                s.openRuns(),
                                forecast(s.exhaustsTrailingMs()),
                                s.burnWindowMs() / 3_600_000));
        if (!s.lines().isEmpty()) {
            TextTable lines =
                    new TextTable(
                            3,
                            List.of(
                                    "budget line",
                                    "from",
                                    "expires",
                                    "given h",
                                    "burnt h",
                                    "lapsed h",
                                    "left h"));
            for (QuotaQuery.Line line : s.lines()) {
                lines.add(
                        List.of(
                                line.note().isEmpty() ? "-" : line.note(),
                                at(line.fromMs(), MINUTE),
                                at(line.expiresMs(), MINUTE),
                                hours(line.givenGpuUs()),
                                hours(line.burntGpuUs()),
                                hours(line.lapsedGpuUs()),
                                hours(line.givenGpuUs() - line.burntGpuUs() - line.lapsedGpuUs())));
            }
            out.append('\n').append(lines);
        }
        if (!decisions.isEmpty()) {
            TextTable history =
                    new TextTable(5, List.of("effective", "decided", "state", "action", "reason"));
            for (QuotaQuery.Decided d : decisions) {
                history.add(
                        List.of(
                                at(d.effectiveAtMs(), MILLISECOND),
                                at(d.decidedAtMs(), MILLISECOND),
                                d.state(),
                                d.action() + (d.dryRun() ? " (dry run)" : ""),
                                d.reason()));
            }
            out.append('\n').append(history);
        }
        return out.toString();
    }

    private static String bar(QuotaQuery.Standing s) {
        if (!s.limited()) {
            return "";
        }
        int full = (int) Math.max(0, Math.min(BAR, usedPermille(s) * BAR / 1_000));
        return "#".repeat(full) + ".".repeat(BAR - full);
    }

    private static String percent(QuotaQuery.Standing s) {
        return BigDecimal.valueOf(usedPermille(s), 1).toPlainString();
    }

    private static String burn(QuotaQuery.Standing s) {
        if (s.burnWindowMs() <= 0) {
            return "-";
        }
        return hours(
                BigDecimal.valueOf(s.burntGpuUs())
                        .multiply(BigDecimal.valueOf(86_400_000L))
                        .divide(BigDecimal.valueOf(s.burnWindowMs()), 0, RoundingMode.HALF_EVEN)
                        .longValue());
    }

    private String forecast(long ms) {
        return ms < 0 ? "never" : at(ms, MINUTE);
    }

    private String at(long ms, DateTimeFormatter format) {
        if (ms == Long.MIN_VALUE || ms == Span.OPEN_END) {
            return "-";
        }
        return format.format(Instant.ofEpochMilli(ms).atZone(zone));
    }

    private static String hours(long gpuUs) {
        return BigDecimal.valueOf(gpuUs)
                .divide(
                        BigDecimal.valueOf(BudgetLine.GPU_US_PER_GPU_HOUR),
                        2,
                        RoundingMode.HALF_EVEN)
                .toPlainString();
    }
}
