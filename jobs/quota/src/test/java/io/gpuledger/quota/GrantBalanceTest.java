package io.gpuledger.quota;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.quota.Consumption;
import io.gpuledger.core.quota.Stretch;
import io.gpuledger.core.registry.Action;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.time.Span;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.schemas.QuotaDecisionRecord;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** One grant and its runs: sums, decisions, and what a restart makes of them. */
class GrantBalanceTest {
    private static final int SEEDS = Integer.getInteger("gpuledger.seeds", 60);

    /** The first seed: others than every build runs. */
    private static final int FROM = Integer.getInteger("gpuledger.from", 0);

    private static final long HOUR_MS = 3_600_000;
    private static final long NOW_MS = 1_795_000_000_000L / 60_000 * 60_000;

    /** From 2000 to 2090. */
    private static final Span TERM = new Span(946_684_800_000L, 3_786_912_000_000L);

    private static final QuotaSettings SETTINGS = QuotaSettings.standard(1);

    @Test
    void whatever_the_order_of_corrections_the_sum_is_that_of_the_last_word_on_each_run()
            throws Exception {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Map<String, Consumption> last = new HashMap<>();
            List<Consumption> folded = new ArrayList<>();
            try (QuotaRun run = begin("order", null, NOW_MS)) {
                run.registry(1, registry(1_000_000, 0));
                for (int i = 0; i < 60; i++) {
                    Consumption word = word(random, "run" + random.nextInt(12));
                    last.put(word.runId(), word);
                    run.input(GrantInput.of(GrantInput.CONSUMPTION, ConsumptionState.of(word)));
                    if (random.nextInt(10) == 0) {
                        // The budget is cut elsewhere: the sums before its cuts are made anew.
                        run.registry(2 + i, registry(1_000_000, random.nextInt(20)));
                    }
                    if (random.nextInt(6) == 0) {
                        fold(run, last, folded, random);
                    }
                }
                run.watermark(NOW_MS);
                run.clock(NOW_MS + 5_000);
                long expected =
                        Stream.concat(last.values().stream(), folded.stream())
                                .mapToLong(c -> c.until(NOW_MS + 5_000))
                                .sum();
                assertThat(used(run)).as("seed %d", seed).isEqualTo(expected);
            }
        }
    }

    /** A run that will not change any more is forgotten; what it took is not. */
    private static void fold(
            QuotaRun run, Map<String, Consumption> last, List<Consumption> folded, Random random)
            throws Exception {
        for (Consumption ended : List.copyOf(last.values())) {
            if (!ended.isOpen() && random.nextBoolean()) {
                run.input(GrantInput.of(GrantInput.FOLD, ConsumptionState.of(ended)));
                folded.add(ended);
                last.remove(ended.runId());
            }
        }
    }

    @Test
    void state_of_forgotten_runs_grows_with_hours_and_not_with_runs() throws Exception {
        try (QuotaRun run = begin("bounded", null, NOW_MS)) {
            run.registry(1, registry(1_000_000, 3));
            for (int i = 0; i < 2_000; i++) {
                long from = NOW_MS - 30 * HOUR_MS + i * 1_000L;
                Consumption ended = closed("run" + i, from, from + HOUR_MS, 1 + i % 8);
                run.input(GrantInput.of(GrantInput.CONSUMPTION, ConsumptionState.of(ended)));
                run.input(GrantInput.of(GrantInput.FOLD, ConsumptionState.of(ended)));
            }
            assertThat(run.grantEntries()).isLessThan(20);
            run.watermark(NOW_MS);
            run.clock(NOW_MS + 1_000);
            assertThat(used(run)).isEqualTo(2_000 * 4_500L * 3_600_000);
        }
    }

    @Test
    void a_restart_around_a_crossing_neither_repeats_nor_loses_a_decision() throws Exception {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            // Eight GPUs use it up in 1000 s.
            String registry = registry(8_000_000_000L, 0);
            Consumption job = open("run", NOW_MS, 8);
            long kill = NOW_MS + 700_000 + random.nextInt(350_000);
            long checkpoint = kill - random.nextInt(20_000);

            QuotaRun.Topic topic = new QuotaRun.Topic("restart");
            QuotaRun first = begin(topic, null, NOW_MS);
            first.registry(1, registry);
            first.input(GrantInput.of(GrantInput.CONSUMPTION, ConsumptionState.of(job)));
            first.watermark(NOW_MS);
            QuotaRun.Checkpoint state = null;
            for (long at = NOW_MS; at <= kill; at += 1_000) {
                if (state == null && at >= checkpoint) {
                    state = first.checkpoint(1);
                }
                first.clock(at);
            }
            state = state == null ? first.checkpoint(1) : state;
            first.close();

            long again = kill + random.nextInt(5_000);
            try (QuotaRun second = begin(topic, state, again)) {
                second.watermark(again);
                for (long at = again; at <= NOW_MS + 1_100_000; at += 1_000) {
                    second.clock(at);
                }
            }
            assertThat(topic.all())
                    .as("seed %d", seed)
                    .extracting(
                            QuotaDecisionRecord::getSequence,
                            d -> d.getState().name(),
                            d -> d.getEffectiveAtMs() - NOW_MS)
                    .containsExactly(
                            org.assertj.core.groups.Tuple.tuple(1L, "WARNING", 800_000L),
                            org.assertj.core.groups.Tuple.tuple(2L, "CRITICAL", 950_000L),
                            org.assertj.core.groups.Tuple.tuple(3L, "EXHAUSTED", 1_000_000L));
        }
    }

    @Test
    void history_is_not_decided_again_step_by_step_but_once_from_where_it_ends() throws Exception {
        QuotaRun.Topic topic = new QuotaRun.Topic("history");
        try (QuotaRun run = begin(topic, null, NOW_MS)) {
            run.registry(1, registry(8_000_000_000L, 0));
            long then = NOW_MS - 5 * 24 * HOUR_MS;
            for (int i = 0; i < 20; i++) {
                // Each of them alone uses up a twentieth, and event time crawls behind.
                run.input(
                        GrantInput.of(
                                GrantInput.CONSUMPTION,
                                ConsumptionState.of(closed("run" + i, then, then + 50_000, 8))));
                run.watermark(then + i * HOUR_MS);
                run.clock(NOW_MS + i * 400L);
            }
            assertThat(topic.all()).isEmpty();
            run.watermark(NOW_MS - 60_000);
            run.clock(NOW_MS + 10_000);
            assertThat(topic.all())
                    .extracting(d -> d.getState().name(), QuotaDecisionRecord::getSequence)
                    .containsExactly(org.assertj.core.groups.Tuple.tuple("EXHAUSTED", 1L));
            assertThat(topic.all().get(0).getEffectiveAtMs()).isEqualTo(then + 50_000);
        }
    }

    @Test
    void where_no_scheduler_is_heard_silence_ends_history() throws Exception {
        QuotaRun.Topic topic = new QuotaRun.Topic("silence");
        try (QuotaRun run = begin(topic, null, NOW_MS)) {
            run.registry(1, registry(1_000, 0));
            run.input(
                    GrantInput.of(
                            GrantInput.CONSUMPTION,
                            ConsumptionState.of(closed("run", 0, 50_000, 8))));
            run.clock(NOW_MS + SETTINGS.quietMs() - 1);
            assertThat(topic.all()).isEmpty();
            run.clock(NOW_MS + SETTINGS.quietMs() + 2_000);
            assertThat(topic.all()).hasSize(1);
        }
    }

    @Test
    void what_time_limits_leave_counts_where_the_grant_says_so_and_is_shown_everywhere()
            throws Exception {
        for (boolean counts : new boolean[] {true, false}) {
            QuotaRun.Topic topic = new QuotaRun.Topic("committed");
            String registry = registry(8_000_000_000L, 0);
            if (counts) {
                registry = registry.replace("\"dry_run\"", "\"committed\":true,\"dry_run\"");
            }
            try (QuotaRun run = begin(topic, null, NOW_MS)) {
                run.registry(1, registry);
                // 8 GPUs for at most 900 s: 7.2 of the budget's 8 thousand GPU seconds.
                run.input(
                        GrantInput.of(
                                GrantInput.CONSUMPTION,
                                ConsumptionState.of(open("run", NOW_MS, 8, NOW_MS + 900_000))));
                run.watermark(NOW_MS);
                run.clock(NOW_MS + 1_000);
                QuotaRun.StateRow row =
                        java.util.Objects.requireNonNull(run.states().get("g"), "written");
                assertThat(row.usedGpuUs() + row.committedGpuUs()).isEqualTo(7_200_000_000L);
                assertThat(row.committedGpuUs()).isPositive();
                assertThat(topic.all().stream().map(d -> d.getState().name()))
                        .isEqualTo(counts ? List.of("WARNING") : List.of());
                // It goes on beyond its limit, as Slurm lets it for a while.
                for (long at = NOW_MS + 1_000; at <= NOW_MS + 955_000; at += 1_000) {
                    run.clock(at);
                }
                assertThat(topic.all())
                        .extracting(d -> d.getState().name(), d -> d.getEffectiveAtMs() - NOW_MS)
                        .contains(org.assertj.core.groups.Tuple.tuple("CRITICAL", 950_000L));
                if (counts) {
                    assertThat(topic.all().get(0).getCommittedGpuUs()).isPositive();
                }
                run.input(
                        GrantInput.of(
                                GrantInput.CONSUMPTION,
                                ConsumptionState.of(closed("run", NOW_MS, NOW_MS + 300_000, 8))));
                run.clock(NOW_MS + 960_000);
                assertThat(topic.all().get(topic.all().size() - 1).getAction().name())
                        .as("it turns out to have ended early")
                        .isEqualTo("ALLOW");
            }
        }
    }

    @Test
    void a_grant_that_the_registry_forgets_is_released() throws Exception {
        QuotaRun.Topic topic = new QuotaRun.Topic("gone");
        try (QuotaRun run = begin(topic, null, NOW_MS)) {
            run.registry(1, registry(1_000, 0));
            run.input(
                    GrantInput.of(
                            GrantInput.CONSUMPTION,
                            ConsumptionState.of(closed("run", 0, 50_000, 8))));
            run.watermark(NOW_MS);
            run.clock(NOW_MS + 1_000);
            run.registry(2, RegistryText.of(Registry.EMPTY));
            run.clock(NOW_MS + 3_000);
            assertThat(topic.all())
                    .extracting(d -> d.getAction().name())
                    .containsExactly("REFUSE", "ALLOW");
        }
    }

    private static long used(QuotaRun run) {
        QuotaRun.StateRow row = run.states().get("g");
        return row == null ? -1 : row.usedGpuUs();
    }

    private static QuotaRun begin(String name, QuotaRun.@Nullable Checkpoint from, long nowMs)
            throws Exception {
        return begin(new QuotaRun.Topic(name), from, nowMs);
    }

    private static QuotaRun begin(
            QuotaRun.Topic topic, QuotaRun.@Nullable Checkpoint from, long nowMs) throws Exception {
        return new QuotaRun(SETTINGS, registry(1, 0), topic, nowMs, from);
    }

    private static Consumption word(Random random, String runId) {
        long from = NOW_MS - random.nextInt(20) * HOUR_MS + random.nextInt(1_000);
        long to = Math.min(NOW_MS, from + random.nextInt(5 * 3_600_000));
        int kind = random.nextInt(4);
        if (kind == 0) {
            return new Consumption(
                    "g", "c", runId, false, Span.OPEN_END, Long.MIN_VALUE, List.of(), 0);
        }
        return kind == 1
                ? open(runId, from, 1 + random.nextInt(8))
                : closed(runId, from, Math.max(from, to), 3);
    }

    private static Consumption closed(String runId, long from, long to, int gpus) {
        return new Consumption(
                "g",
                "c",
                runId,
                false,
                Span.OPEN_END,
                Long.MIN_VALUE,
                List.of(new Stretch(from, to, gpus, 1, 1_000)),
                0);
    }

    private static Consumption open(String runId, long from, int gpus) {
        return open(runId, from, gpus, Long.MIN_VALUE);
    }

    private static Consumption open(String runId, long from, int gpus, long allowedTo) {
        return new Consumption(
                "g",
                "c",
                runId,
                true,
                Span.OPEN_END - 1,
                allowedTo,
                List.of(new Stretch(from, Span.OPEN_END, gpus, 1, 1_000)),
                0);
    }

    /** With a top-up some hours ago, unless {@code hours} is 0. */
    private static String registry(long gpuUs, int hours) {
        List<BudgetLine> lines = new ArrayList<>();
        lines.add(new BudgetLine.Funding(true, gpuUs, TERM.startMs(), Span.OPEN_END, "first"));
        if (hours > 0) {
            long at = NOW_MS - hours * HOUR_MS;
            lines.add(new BudgetLine.Funding(false, 5_000_000, at, at + 2 * HOUR_MS, "top-up"));
        }
        return RegistryText.of(
                new Registry(
                        List.of("c"),
                        List.of(
                                new Grant(
                                        "g",
                                        "A grant",
                                        "Anna Holm",
                                        "",
                                        "",
                                        GrantKind.VOUCHER,
                                        TERM,
                                        lines,
                                        "",
                                        Thresholds.STANDARD,
                                        new Enforcement(
                                                Action.WARN,
                                                Action.HOLD,
                                                Action.REFUSE,
                                                Action.REFUSE,
                                                0,
                                                false,
                                                false))),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of()));
    }
}
