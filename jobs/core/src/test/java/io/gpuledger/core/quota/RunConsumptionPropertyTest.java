package io.gpuledger.core.quota;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.ChargePolicy;
import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.WeightRule;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeSubject;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What runs take from grants against a sum over every millisecond that they hold. */
class RunConsumptionPropertyTest {
    private static final int SEEDS = Integer.getInteger("gpuledger.seeds", 150);

    /** The first seed: others than every build runs. */
    private static final int FROM = Integer.getInteger("gpuledger.from", 0);

    private static final long MINUTE_MS = 60_000;
    private static final int MINUTES = 4;
    private static final long END_MS = MINUTES * MINUTE_MS;
    private static final long UNHEARD_MS = 20_000;

    @Test
    void consumption_is_the_sum_over_every_millisecond() {
        int grants = 0;
        int open = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Charging charging = new Charging(registry(random));
            Run run = run(random);
            long at = random.nextInt((int) END_MS + 30_000);

            SortedMap<String, Consumption> found =
                    RunConsumption.of("c", run, charging, Cards.UNKNOWN, UNHEARD_MS);

            Map<String, Long> amounts = new TreeMap<>();
            found.forEach((grant, c) -> amounts.put(grant, c.until(at)));
            amounts.values().removeIf(v -> v == 0);
            assertThat(amounts).as("seed %d", seed).isEqualTo(scan(run, charging, at));
            grants += found.size() > 1 ? 1 : 0;
            open += run.isOpen() ? 1 : 0;
        }
        assertThat(grants).isGreaterThan(SEEDS / 4);
        assertThat(open).isGreaterThan(SEEDS / 4);
    }

    @Test
    void what_is_committed_is_the_sum_over_every_millisecond_that_the_time_limit_leaves() {
        int committed = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Charging charging = new Charging(registry(random));
            Run run = run(random);
            long now = random.nextInt((int) END_MS + 30_000);
            long suspended = 0;
            for (Span s : run.suspensions()) {
                suspended += s.lengthMs();
            }
            long allowed = run.startMs() + run.timeLimitMs() + suspended;
            boolean goesOn =
                    run.isOpen()
                            && run.timeLimitMs() >= 0
                            && now < run.heldEndMs() + UNHEARD_MS
                            && allowed > now;
            Map<String, Long> expected = new TreeMap<>();
            if (goesOn) {
                expected.putAll(scan(run, charging, allowed, allowed));
                scan(run, charging, now).forEach((g, us) -> expected.merge(g, -us, Long::sum));
                expected.values().removeIf(v -> v == 0);
            }

            Map<String, Long> amounts = new TreeMap<>();
            RunConsumption.of("c", run, charging, Cards.UNKNOWN, UNHEARD_MS)
                    .forEach((grant, c) -> amounts.put(grant, c.committed(now)));
            amounts.values().removeIf(v -> v == 0);
            assertThat(amounts).as("seed %d", seed).isEqualTo(expected);
            committed += amounts.isEmpty() ? 0 : 1;
        }
        assertThat(committed).isGreaterThan(SEEDS / 20);
    }

    @Test
    void changing_the_registry_moves_gpu_time_and_loses_none() {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Run run = run(random);
            long at = random.nextInt((int) END_MS + 30_000);
            long before = gpuMs(run, registry(random), at);
            assertThat(gpuMs(run, registry(random), at)).as("seed %d", seed).isEqualTo(before);
        }
    }

    @Test
    void parts_of_a_gpu_that_follow_each_other_have_together_what_one_has() {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            long from = random.nextInt(1_000_000);
            long to = from + random.nextInt(1_000_000);
            long cut = from + random.nextInt((int) (to - from) + 1);
            long slices = 1L + random.nextInt(7);
            long whole = new Stretch(from, to, slices, 7, 1_000).gpuMsUntil(Long.MAX_VALUE - 1);
            long parts =
                    new Stretch(from, cut, slices, 7, 1_000).gpuMsUntil(to)
                            + new Stretch(cut, to, slices, 7, 1_000).gpuMsUntil(to);
            assertThat(parts).as("seed %d", seed).isEqualTo(whole);
        }
    }

    private static long gpuMs(Run run, Registry registry, long at) {
        return RunConsumption.of("c", run, new Charging(registry), Cards.UNKNOWN, UNHEARD_MS)
                .values()
                .stream()
                .mapToLong(c -> c.gpuMsUntil(at))
                .sum();
    }

    /** Looks at each millisecond by itself; charges are whole minutes, so they are asked once. */
    private static Map<String, Long> scan(Run run, Charging charging, long at) {
        return scan(run, charging, at, run.heldEndMs() + UNHEARD_MS);
    }

    private static Map<String, Long> scan(Run run, Charging charging, long at, long heardTo) {
        Map<String, Long> sums = new TreeMap<>();
        long limit = run.isOpen() ? Math.min(at, heardTo) : at;
        for (Holding holding : run.holdings()) {
            Map<String, Charge> asked = new HashMap<>();
            boolean last = holding.endMs() == run.heldEndMs();
            for (long ms = holding.startMs(); ms < limit; ms++) {
                boolean held = ms < holding.endMs() || (run.isOpen() && last);
                boolean leaving =
                        !run.isOpen()
                                && last
                                && holding.gpuIndex() >= 0
                                && !held
                                && ms < run.overheadUntil().getOrDefault(holding.host(), 0L);
                if (!held && !leaving) {
                    continue;
                }
                Bucket bucket =
                        leaving
                                ? Bucket.OVERHEAD
                                : isSuspended(run, ms) ? Bucket.SUSPENDED : Bucket.ALLOCATED;
                String minute = ms / MINUTE_MS + bucket.name();
                long now = ms;
                Charge charge =
                        asked.computeIfAbsent(
                                minute, m -> charging.at(subject(run, holding, bucket), now));
                if (charge.weightMilli() > 0) {
                    sums.merge(
                            charge.grantId(),
                            (long) charge.weightMilli() * holding.count(),
                            Long::sum);
                }
            }
        }
        return sums;
    }

    private static boolean isSuspended(Run run, long ms) {
        return run.suspensions().stream()
                .anyMatch(
                        s ->
                                s.contains(ms)
                                        || (run.isOpen()
                                                && s.endMs() == run.heldEndMs()
                                                && ms >= s.startMs()));
    }

    private static ChargeSubject subject(Run run, Holding holding, Bucket bucket) {
        return new ChargeSubject(
                "c",
                run.account(),
                run.user(),
                run.partition(),
                run.qos(),
                holding.gresType(),
                bucket,
                ChargeSubject.endState(run.state()));
    }

    static Registry registry(Random random) {
        List<AccountMapping> mappings = new ArrayList<>();
        for (String user : List.of("", "u")) {
            long from = 0;
            while (from < END_MS && random.nextInt(4) > 0) {
                long to = from + (1 + random.nextInt(3)) * MINUTE_MS;
                mappings.add(
                        new AccountMapping(
                                "c",
                                "a",
                                user,
                                "",
                                "",
                                "g" + random.nextInt(3),
                                new Span(from, to)));
                from = to + random.nextInt(2) * MINUTE_MS;
            }
        }
        List<ChargePolicy> policies = new ArrayList<>();
        long cut = random.nextInt(MINUTES) * MINUTE_MS;
        policies.add(policy(random, new Span(Effective.OPEN_START, cut)));
        policies.add(policy(random, new Span(cut, Span.OPEN_END)));
        return new Registry(List.of("c"), List.of(), mappings, policies, List.of(), List.of());
    }

    private static ChargePolicy policy(Random random, Span effective) {
        return new ChargePolicy(
                effective,
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextBoolean(),
                true,
                List.of(
                        new WeightRule("", "h100", "", "", null, 500 + random.nextInt(3) * 500),
                        new WeightRule("", "", "", "", Bucket.SUSPENDED, 100 * random.nextInt(5))));
    }

    static Run run(Random random) {
        long start = random.nextInt((int) END_MS / 2);
        long end = start + random.nextInt((int) END_MS / 2);
        boolean open = random.nextBoolean();
        List<Holding> holdings = new ArrayList<>();
        for (int i = 0; i < 1 + random.nextInt(3); i++) {
            boolean counted = random.nextInt(4) == 0;
            long from = start + random.nextInt((int) (end - start) + 1);
            long to = random.nextBoolean() ? end : from + random.nextInt((int) (end - from) + 1);
            holdings.add(
                    new Holding(
                            "n" + random.nextInt(2),
                            counted ? -1 : i,
                            random.nextBoolean() ? "h100" : "",
                            0,
                            counted ? 1 + random.nextInt(8) : 1,
                            from,
                            to));
        }
        List<Span> suspensions = new ArrayList<>();
        if (random.nextBoolean()) {
            long from = start + random.nextInt((int) (end - start) + 1);
            suspensions.add(new Span(from, from + random.nextInt((int) (end - from) + 1)));
            suspensions.removeIf(Span::isEmpty);
        }
        return new Run(
                "c/1/" + start / 1000,
                1,
                "1",
                "a",
                random.nextBoolean() ? "u" : "v",
                "p",
                "q",
                "name",
                random.nextInt(4) == 0 ? "NODE_FAIL" : "COMPLETED",
                null,
                start,
                end,
                Long.MAX_VALUE,
                1,
                holdings,
                suspensions,
                Map.of("n0", end + random.nextInt(30_000)),
                List.of(),
                open ? RunFlag.OPEN.bit() : 0,
                random.nextInt(3) == 0 ? Run.NO_LIMIT : random.nextInt(200_000));
    }
}
