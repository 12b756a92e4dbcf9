package io.gpuledger.core.quota;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.Action;
import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Budgets, crossings and decisions against scans that look at every unit and millisecond. */
class GrantQuotaPropertyTest {
    private static final int SEEDS = Integer.getInteger("gpuledger.seeds", 200);

    /** The first seed: others than every build runs. */
    private static final int FROM = Integer.getInteger("gpuledger.from", 0);

    private static final long MINUTE_MS = 60_000;
    private static final int MINUTES = 5;
    private static final long END_MS = MINUTES * MINUTE_MS;

    @Test
    void lines_burn_as_when_each_unit_is_taken_by_hand() {
        int lapsed = 0;
        int debts = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            List<BudgetLine> lines = lines(random, 40);
            long[] usedByMs = new long[(int) END_MS + 1];
            for (int i = random.nextInt(60); i > 0; i--) {
                usedByMs[random.nextInt((int) END_MS)]++;
            }
            Usage usage = at -> used(usedByMs, at);
            long at = random.nextInt((int) END_MS);

            Position position = new BudgetPlan(lines, List.of()).at(at, usage);

            ByHand byHand = new ByHand(lines);
            byHand.until(at, usedByMs);
            assertThat(position.usedGpuUs()).as("seed %d", seed).isEqualTo(byHand.used);
            assertThat(position.leftGpuUs()).as("seed %d", seed).isEqualTo(byHand.left());
            assertThat(position.lapsedGpuUs()).as("seed %d", seed).isEqualTo(byHand.lapsed);
            // Nothing given is lost: it is left, used, lapsed or taken away.
            long given =
                    lines.stream().filter(l -> l.atMs() <= at).mapToLong(BudgetLine::gpuUs).sum();
            assertThat(position.budgetGpuUs() + position.lapsedGpuUs())
                    .as("seed %d", seed)
                    .isEqualTo(given);
            lapsed += byHand.lapsed > 0 ? 1 : 0;
            debts += byHand.left() < 0 ? 1 : 0;
        }
        assertThat(lapsed).isGreaterThan(SEEDS / 20);
        assertThat(debts).isGreaterThan(SEEDS / 10);
    }

    @Test
    void topping_up_and_adjusting_raise_what_is_left_by_just_that() {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            List<BudgetLine> lines = lines(random, 40);
            Usage usage = new Linear(random);
            long when = random.nextInt(MINUTES) * MINUTE_MS;
            long at = when + random.nextInt((int) MINUTE_MS);
            long more = 1L + random.nextInt(1_000_000);
            long left = new BudgetPlan(lines, List.of()).at(at, usage).leftGpuUs();
            List<BudgetLine> toppedUp = new ArrayList<>(lines);
            toppedUp.add(new BudgetLine.Funding(false, more, when, Span.OPEN_END, ""));
            Adjustment credit =
                    new Adjustment("x", "g", when, more, BigDecimal.ZERO, "r", "someone");

            // Where another line lapses more is left over of it instead of this one.
            Position after = new BudgetPlan(toppedUp, List.of()).at(at, usage);
            assertThat(after.leftGpuUs() + after.lapsedGpuUs())
                    .as("seed %d", seed)
                    .isEqualTo(
                            left
                                    + more
                                    + new BudgetPlan(lines, List.of()).at(at, usage).lapsedGpuUs());
            assertThat(new BudgetPlan(lines, List.of(credit)).at(at, usage).leftGpuUs())
                    .as("seed %d", seed)
                    .isEqualTo(after.leftGpuUs());
        }
    }

    /** Jumping from instant to instant must decide what looking at each millisecond decides. */
    @Test
    void no_decision_is_missed_or_late_by_a_millisecond() {
        int decisions = 0;
        int exhausted = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Usage usage = new Linear(random);
            GrantQuota quota = new GrantQuota(grant(random, usage.until(END_MS)), List.of());

            List<String> jumped = new ArrayList<>();
            Standing standing = Standing.NONE;
            long now = 0;
            while (now < END_MS) {
                Optional<Decision> due = quota.decide(standing, usage, now);
                if (due.isPresent()) {
                    jumped.add(shown(due.get()));
                    assertThat(due.get().effectiveAtMs()).as("seed %d", seed).isEqualTo(now);
                    standing = due.get().standing();
                } else {
                    standing = quota.standing(standing, usage, now);
                }
                long next = quota.nextInstant(standing, usage, now);
                assertThat(next).as("seed %d", seed).isGreaterThan(now);
                now = next;
            }

            List<String> scanned = new ArrayList<>();
            standing = Standing.NONE;
            for (long ms = 0; ms < END_MS; ms++) {
                Optional<Decision> due = quota.decide(standing, usage, ms);
                standing =
                        due.isPresent()
                                ? due.get().standing()
                                : quota.standing(standing, usage, ms);
                due.ifPresent(d -> scanned.add(shown(d)));
            }
            assertThat(jumped).as("seed %d", seed).isEqualTo(scanned);
            decisions += scanned.size();
            exhausted += scanned.stream().anyMatch(s -> s.contains("EXHAUSTED")) ? 1 : 0;
        }
        assertThat(decisions).isGreaterThan(2 * SEEDS);
        assertThat(exhausted).isGreaterThan(SEEDS / 4);
    }

    @Test
    void a_decision_made_late_names_the_instant_it_was_due() {
        int late = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Usage usage = new Linear(random);
            GrantQuota quota = new GrantQuota(grant(random, usage.until(END_MS)), List.of());
            long now = random.nextInt((int) END_MS);
            Optional<Decision> due = quota.decide(Standing.NONE, usage, now);
            if (due.isEmpty() || due.get().standing().level() == QuotaState.OK) {
                continue;
            }
            QuotaState level = due.get().standing().level();
            long since = now;
            while (since > 0 && isAt(quota, level, usage, since - 1)) {
                since--;
            }
            assertThat(quota.reachedAt(level, usage, now)).as("seed %d", seed).isEqualTo(since);
            late += since < now ? 1 : 0;
        }
        assertThat(late).isGreaterThan(SEEDS / 4);
    }

    private static boolean isAt(GrantQuota quota, QuotaState level, Usage usage, long at) {
        return quota.standing(Standing.NONE, usage, at).level().compareTo(level) >= 0;
    }

    @Test
    void forecasts_are_what_a_scan_finds() {
        int found = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Usage usage = new Linear(random);
            GrantQuota quota = new GrantQuota(grant(random, usage.until(END_MS)), List.of());
            if (!quota.plan().isLimited()) {
                continue;
            }
            long now = random.nextInt((int) END_MS / 2);
            long burnt = usage.until(now) - usage.until(now - MINUTE_MS);
            Usage trailing = GrantQuota.trailing(usage, now, burnt, MINUTE_MS);
            for (Usage goingOn : List.of(usage, trailing)) {
                long scanned = -1;
                for (long ms = now; ms < END_MS && scanned < 0; ms++) {
                    scanned = quota.position(ms, goingOn).leftGpuUs() <= 0 ? ms : -1;
                }
                long forecast = quota.exhaustsAt(goingOn, now);
                if (scanned >= 0) {
                    assertThat(forecast).as("seed %d", seed).isEqualTo(scanned);
                    found++;
                } else {
                    assertThat(forecast < 0 || forecast >= END_MS).as("seed %d", seed).isTrue();
                }
            }
        }
        assertThat(found).isGreaterThan(SEEDS / 2);
    }

    /** A few runs, some of which go on. */
    private static final class Linear implements Usage {
        private final List<Stretch> stretches = new ArrayList<>();

        Linear(Random random) {
            for (int i = 0; i < 4; i++) {
                long from = random.nextInt((int) END_MS / 2);
                long to =
                        random.nextBoolean()
                                ? Span.OPEN_END
                                : from + random.nextInt((int) END_MS / 2);
                stretches.add(
                        new Stretch(
                                from,
                                to,
                                1 + random.nextInt(8),
                                random.nextBoolean() ? 1 : 7,
                                500 + 500 * random.nextInt(3)));
            }
        }

        @Override
        public long until(long instantMs) {
            return stretches.stream().mapToLong(s -> s.gpuUsUntil(instantMs)).sum();
        }
    }

    private static Grant grant(Random random, long about) {
        List<BudgetLine> lines = new ArrayList<>();
        for (BudgetLine line : lines(random, 40)) {
            long gpuUs = line.gpuUs() * (about / 60 + 1);
            lines.add(
                    gpuUs >= 0
                            ? new BudgetLine.Funding(
                                    false, gpuUs, line.atMs(), line.expiresMs(), "")
                            : new BudgetLine.Correction(gpuUs, line.atMs(), line.expiresMs(), ""));
        }
        if (random.nextInt(10) == 0) {
            lines.clear();
        }
        long ends =
                random.nextInt(3) == 0 ? (1 + random.nextInt(MINUTES)) * MINUTE_MS : Span.OPEN_END;
        return new Grant(
                "g",
                "",
                "",
                "",
                "",
                GrantKind.VOUCHER,
                new Span(random.nextInt(4) == 0 ? MINUTE_MS : Effective.OPEN_START, ends),
                lines,
                "",
                new Thresholds(800_000, 950_000, random.nextInt(2) * 10_000L),
                new Enforcement(
                        Action.WARN,
                        Action.HOLD,
                        Action.REFUSE,
                        Action.REFUSE,
                        random.nextInt(2) * 7_001L,
                        false,
                        random.nextBoolean()));
    }

    private static List<BudgetLine> lines(Random random, int most) {
        List<BudgetLine> lines = new ArrayList<>();
        lines.add(
                new BudgetLine.Funding(
                        true, random.nextInt(most), Effective.OPEN_START, Span.OPEN_END, "first"));
        for (int i = 0; i < random.nextInt(4); i++) {
            int minute = random.nextInt(MINUTES);
            long at = minute * MINUTE_MS;
            long expires =
                    random.nextBoolean()
                            ? (minute + 1 + random.nextInt(3)) * MINUTE_MS
                            : Span.OPEN_END;
            lines.add(
                    random.nextInt(3) == 0
                            ? new BudgetLine.Transfer(
                                    "other", -1 - random.nextInt(most / 4), at, expires, "")
                            : new BudgetLine.Funding(
                                    false, random.nextInt(most), at, expires, "" + i));
        }
        return lines;
    }

    private static long used(long[] usedByMs, long at) {
        long sum = 0;
        for (int ms = 0; ms < Math.min(at, usedByMs.length); ms++) {
            sum += usedByMs[ms];
        }
        return sum;
    }

    private static String shown(Decision d) {
        return d.standing() + " at " + d.effectiveAtMs() + " " + d.position().leftGpuUs();
    }

    /** Takes unit by unit, millisecond by millisecond. */
    private static final class ByHand {
        private final List<BudgetLine> lines;
        private final long[] left;
        private long debt;
        long used;
        long lapsed;

        ByHand(List<BudgetLine> lines) {
            this.lines =
                    lines.stream()
                            .sorted(
                                    Comparator.comparingLong(BudgetLine::expiresMs)
                                            .thenComparingLong(BudgetLine::atMs))
                            .toList();
            left = new long[lines.size()];
        }

        void until(long at, long[] usedByMs) {
            events(Effective.OPEN_START);
            for (long ms = 0; ms <= at; ms++) {
                if (ms % MINUTE_MS == 0) {
                    events(ms);
                }
                if (ms < at) {
                    for (long unit = 0; unit < usedByMs[(int) ms]; unit++) {
                        used++;
                        takeOne(-1);
                    }
                }
            }
        }

        private void events(long ms) {
            for (int i = 0; i < left.length; i++) {
                if (lines.get(i).expiresMs() == ms) {
                    lapsed += left[i];
                    left[i] = 0;
                }
            }
            for (int i = 0; i < left.length; i++) {
                if (lines.get(i).atMs() == ms && lines.get(i).gpuUs() > 0) {
                    left[i] = lines.get(i).gpuUs();
                    while (debt > 0 && left[i] > 0) {
                        debt--;
                        left[i]--;
                    }
                }
            }
            lines.stream()
                    .filter(l -> l.atMs() == ms)
                    .filter(l -> l.gpuUs() < 0)
                    .sorted(Comparator.comparingLong(BudgetLine::expiresMs))
                    .forEach(
                            l -> {
                                for (long unit = 0; unit < -l.gpuUs(); unit++) {
                                    takeOne(l.expiresMs());
                                }
                            });
        }

        private void takeOne(long preferred) {
            for (int i = 0; i < left.length; i++) {
                if (left[i] > 0 && lines.get(i).expiresMs() == preferred) {
                    left[i]--;
                    return;
                }
            }
            for (int i = 0; i < left.length; i++) {
                if (left[i] > 0) {
                    left[i]--;
                    return;
                }
            }
            debt++;
        }

        long left() {
            long sum = -debt;
            for (long l : left) {
                sum += l;
            }
            return sum;
        }
    }
}
