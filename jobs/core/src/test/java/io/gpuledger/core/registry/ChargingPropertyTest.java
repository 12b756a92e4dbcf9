package io.gpuledger.core.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeSubject;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Charging against a scan of every minute, and what no change of a registry may lose. */
class ChargingPropertyTest {
    private static final int SEEDS = Integer.getInteger("gpuledger.seeds", 1_000);

    /** The first seed: others than every build runs. */
    private static final int FROM = Integer.getInteger("gpuledger.from", 0);

    private static final long MINUTE_MS = 60_000;
    private static final int MINUTES = 120;

    @Test
    void pieces_are_what_a_scan_of_every_minute_finds() {
        int several = 0;
        int unmapped = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Registry registry = registry(random);
            Charging charging = new Charging(registry);
            for (int i = 0; i < 10; i++) {
                ChargeSubject subject = subject(random);
                Span span = span(random);

                List<ChargePiece> pieces = charging.pieces(subject, span);

                Map<Charge, Long> scanned = new HashMap<>();
                for (long at = span.startMs(); at < span.endMs(); at++) {
                    long to =
                            Math.min(span.endMs(), Math.floorDiv(at, MINUTE_MS) * 60_000 + 60_000);
                    scanned.merge(scan(registry, subject, at), to - at, Long::sum);
                    at = to - 1;
                }
                Map<Charge, Long> cut = new HashMap<>();
                pieces.forEach(p -> cut.merge(p.charge(), p.span().lengthMs(), Long::sum));
                assertThat(cut).as("seed %d, %s", seed, subject).isEqualTo(scanned);
                assertClosed(pieces, span, seed);
                for (ChargePiece piece : pieces) {
                    assertThat(scan(registry, subject, piece.span().startMs()))
                            .as("seed %d", seed)
                            .isEqualTo(piece.charge());
                }
                several += pieces.size() > 1 ? 1 : 0;
                unmapped +=
                        cut.keySet().stream().anyMatch(c -> c.grantId().equals("unmapped")) ? 1 : 0;
            }
        }
        // The scan says little unless charges do change and accounts are missing.
        assertThat(several).isGreaterThan(SEEDS);
        assertThat(unmapped).isGreaterThan(SEEDS);
    }

    @Test
    void the_order_of_the_entries_does_not_matter() {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Registry registry = registry(random);
            List<AccountMapping> mappings = new ArrayList<>(registry.mappings());
            List<ChargePolicy> policies = new ArrayList<>(registry.policies());
            List<Grant> grants = new ArrayList<>(registry.grants());
            Collections.shuffle(mappings, random);
            Collections.shuffle(policies, random);
            Collections.shuffle(grants, random);
            assertThat(
                            new Registry(
                                    registry.clusters(),
                                    grants,
                                    mappings,
                                    policies,
                                    List.of(),
                                    List.of()))
                    .as("seed %d", seed)
                    .isEqualTo(registry);
        }
    }

    @Test
    void moving_or_splitting_an_account_moves_time_between_grants_and_loses_none() {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Registry registry = registry(random);
            if (registry.mappings().isEmpty()) {
                continue;
            }
            AccountMapping moved =
                    registry.mappings().get(random.nextInt(registry.mappings().size()));
            long at = random.nextInt(MINUTES) * MINUTE_MS;
            if (!moved.effective().contains(at) || moved.effective().startMs() == at) {
                continue;
            }
            Charging before = new Charging(registry);
            Charging split = new Charging(moved(registry, moved, at, moved.grantId()));
            Charging after = new Charging(moved(registry, moved, at, "elsewhere"));
            for (int i = 0; i < 10; i++) {
                ChargeSubject subject = subject(random);
                Span span = span(random);
                List<ChargePiece> was = before.pieces(subject, span);
                List<ChargePiece> is = after.pieces(subject, span);

                assertThat(split.pieces(subject, span)).as("seed %d", seed).isEqualTo(was);
                assertThat(charged(is)).as("seed %d", seed).isEqualTo(charged(was));
                assertClosed(is, span, seed);
                Span earlier =
                        new Span(
                                span.startMs(),
                                Math.max(span.startMs(), Math.min(span.endMs(), at)));
                assertThat(after.pieces(subject, earlier))
                        .as("seed %d: before the move", seed)
                        .isEqualTo(before.pieces(subject, earlier));
                long gained = 0;
                for (ChargePiece piece : is) {
                    gained += piece.charge().grantId().equals("elsewhere") ? us(piece) : 0;
                }
                assertThat(of(was, moved.grantId()) - of(is, moved.grantId()))
                        .as("seed %d", seed)
                        .isEqualTo(gained);
            }
        }
    }

    @Test
    void topping_up_changes_no_charge_and_transfers_change_no_total() {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Registry registry = registry(random);
            long at = random.nextInt(MINUTES) * MINUTE_MS;
            long amount = random.nextInt(1_000_000);
            List<Grant> grants = new ArrayList<>(registry.grants());
            grants.set(
                    0,
                    with(
                            grants.get(0),
                            new BudgetLine.Funding(false, amount, at, Span.OPEN_END, "")));
            grants.set(
                    1,
                    with(
                            grants.get(1),
                            new BudgetLine.Transfer("g2", -amount, at, Span.OPEN_END, "")));
            grants.set(
                    2,
                    with(
                            grants.get(2),
                            new BudgetLine.Transfer("g1", amount, at, Span.OPEN_END, "")));
            Registry changed =
                    new Registry(
                            registry.clusters(),
                            grants,
                            registry.mappings(),
                            registry.policies(),
                            List.of(),
                            List.of());
            for (int i = 0; i < 5; i++) {
                ChargeSubject subject = subject(random);
                Span span = span(random);
                assertThat(new Charging(changed).pieces(subject, span))
                        .isEqualTo(new Charging(registry).pieces(subject, span));
            }
            for (long when : new long[] {at - 1, at, at + 1}) {
                assertThat(budgets(changed, when) - budgets(registry, when))
                        .as("seed %d", seed)
                        .isEqualTo(when >= at ? amount : 0);
            }
        }
    }

    /** What another registry would make of usage, summed minute by minute. */
    @Test
    void recharging_moves_time_between_grants_and_loses_none() {
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Registry before = registry(random);
            Registry after = registry(random);
            List<Recharge.Usage> usage = new ArrayList<>();
            Map<String, Long> expected = new HashMap<>();
            long held = 0;
            for (int i = 0; i < 20; i++) {
                ChargeSubject subject = subject(random);
                long at = random.nextInt(MINUTES) * MINUTE_MS;
                long gpuMs = random.nextInt((int) MINUTE_MS);
                Charge was = scan(before, subject, at);
                Charge is = scan(after, subject, at);
                String period = i % 2 == 0 ? "2026-01" : "2026-02";
                usage.add(
                        new Recharge.Usage(
                                subject,
                                true,
                                new StoredCharge.RunFacts("", List.of(), true),
                                at,
                                period,
                                was.grantId(),
                                gpuMs,
                                was.chargedGpuUs(gpuMs)));
                expected.merge(is.grantId() + period, is.chargedGpuUs(gpuMs), Long::sum);
                held += gpuMs;
            }

            List<Recharge.Line> lines = Recharge.of(usage, new StoredCharge(after)).lines();

            Map<String, Long> then = new HashMap<>();
            lines.forEach(l -> then.put(l.grantId() + l.period(), l.then().chargedGpuUs()));
            expected.forEach((key, us) -> assertThat(then.get(key)).as("%s", key).isEqualTo(us));
            assertThat(lines.stream().mapToLong(l -> l.now().gpuMs()).sum()).isEqualTo(held);
            assertThat(lines.stream().mapToLong(l -> l.then().gpuMs()).sum()).isEqualTo(held);
            assertThat(then.values().stream().mapToLong(Long::longValue).sum())
                    .as("seed %d", seed)
                    .isEqualTo(expected.values().stream().mapToLong(Long::longValue).sum());
        }
    }

    @Test
    void what_a_stored_row_does_not_tell_is_not_guessed() {
        int undecided = 0;
        int decided = 0;
        for (int seed = FROM; seed < FROM + SEEDS; seed++) {
            Random random = new Random(seed);
            Registry registry = registry(random);
            ChargeSubject subject = subject(random);
            long at = random.nextInt(MINUTES) * MINUTE_MS;
            List<String> types = new ArrayList<>();
            for (String type : List.of("h100", "a100", "other")) {
                if (random.nextBoolean()) {
                    types.add(type);
                }
            }
            java.util.Set<Charge> possible = new java.util.HashSet<>();
            for (String type : types.isEmpty() ? List.of("") : types) {
                possible.add(scan(registry, named(subject, type), at));
            }
            var charge =
                    new StoredCharge(registry)
                            .at(
                                    named(subject, ""),
                                    false,
                                    new StoredCharge.RunFacts(subject.endState(), types, true),
                                    at);
            if (possible.size() == 1) {
                assertThat(charge).as("seed %d", seed).contains(possible.iterator().next());
                decided++;
            } else {
                assertThat(charge).as("seed %d", seed).isEmpty();
                undecided++;
            }
        }
        assertThat(decided).isPositive();
        assertThat(undecided).isPositive();
    }

    private static ChargeSubject named(ChargeSubject s, String model) {
        return new ChargeSubject(
                s.cluster(),
                s.account(),
                s.user(),
                s.partition(),
                s.qos(),
                model,
                s.bucket(),
                s.endState());
    }

    /** The definition, word by word: no index, no order, one instant. */
    private static Charge scan(Registry registry, ChargeSubject of, long at) {
        if (of.bucket() != Bucket.ALLOCATED
                && of.bucket() != Bucket.SUSPENDED
                && of.bucket() != Bucket.OVERHEAD) {
            return new Charge("", 0);
        }
        String grant = "unmapped";
        int most = -1;
        for (AccountMapping m : registry.mappings()) {
            int names = 0;
            boolean fits = m.cluster().equals(of.cluster()) && m.account().equals(of.account());
            for (String[] pair :
                    new String[][] {
                        {m.user(), of.user()}, {m.partition(), of.partition()}, {m.qos(), of.qos()}
                    }) {
                names += pair[0].isEmpty() ? 0 : 1;
                fits &= pair[0].isEmpty() || pair[0].equals(pair[1]);
            }
            if (fits
                    && m.effective().startMs() <= at
                    && at < m.effective().endMs()
                    && names > most) {
                most = names;
                grant = m.grantId();
            }
        }
        boolean suspended = of.bucket() == Bucket.SUSPENDED;
        boolean overhead = of.bucket() == Bucket.OVERHEAD;
        int weight = overhead ? 0 : 1_000;
        for (ChargePolicy p : registry.policies()) {
            if (p.effective().startMs() > at || at >= p.effective().endMs()) {
                continue;
            }
            boolean charged =
                    !(suspended && !p.chargesSuspended())
                            && !(overhead && !p.chargesOverhead())
                            && !(of.endState().equals("NODE_FAIL") && !p.chargesNodeFail())
                            && !(of.endState().equals("BOOT_FAIL") && !p.chargesBootFail());
            WeightRule first = null;
            for (WeightRule rule : p.weights()) {
                boolean fits =
                        (rule.cluster().isEmpty() || rule.cluster().equals(of.cluster()))
                                && (rule.gpuModel().isEmpty()
                                        || rule.gpuModel().equals(of.gpuModel()))
                                && (rule.partition().isEmpty()
                                        || rule.partition().equals(of.partition()))
                                && (rule.qos().isEmpty() || rule.qos().equals(of.qos()))
                                && (rule.bucket() == null || rule.bucket() == of.bucket());
                first = first == null && fits ? rule : first;
            }
            weight = !charged ? 0 : first == null ? 1_000 : first.weightMilli();
        }
        return new Charge(grant, weight);
    }

    private static void assertClosed(List<ChargePiece> pieces, Span span, int seed) {
        long at = span.startMs();
        Charge before = null;
        for (ChargePiece piece : pieces) {
            assertThat(piece.span().startMs()).as("seed %d", seed).isEqualTo(at);
            assertThat(piece.span().lengthMs()).as("seed %d", seed).isPositive();
            assertThat(piece.charge()).as("seed %d", seed).isNotEqualTo(before);
            before = piece.charge();
            at = piece.span().endMs();
        }
        assertThat(at).as("seed %d", seed).isEqualTo(span.endMs());
    }

    private static long us(ChargePiece piece) {
        return piece.charge().chargedGpuUs(piece.span().lengthMs());
    }

    private static long charged(List<ChargePiece> pieces) {
        return pieces.stream().mapToLong(ChargingPropertyTest::us).sum();
    }

    private static long of(List<ChargePiece> pieces, String grant) {
        return pieces.stream()
                .filter(p -> p.charge().grantId().equals(grant))
                .mapToLong(ChargingPropertyTest::us)
                .sum();
    }

    private static long budgets(Registry registry, long at) {
        return registry.grants().stream().mapToLong(g -> g.budgetAt(at)).sum();
    }

    private static Registry moved(Registry of, AccountMapping moved, long at, String grant) {
        List<AccountMapping> mappings = new ArrayList<>(of.mappings());
        mappings.remove(moved);
        mappings.add(mapping(moved, moved.grantId(), new Span(moved.effective().startMs(), at)));
        mappings.add(mapping(moved, grant, new Span(at, moved.effective().endMs())));
        return new Registry(
                of.clusters(), of.grants(), mappings, of.policies(), List.of(), List.of());
    }

    private static AccountMapping mapping(AccountMapping of, String grant, Span effective) {
        return new AccountMapping(
                of.cluster(), of.account(), of.user(), of.partition(), of.qos(), grant, effective);
    }

    private static Grant with(Grant grant, BudgetLine line) {
        List<BudgetLine> budget = new ArrayList<>(grant.budget());
        budget.add(line);
        return new Grant(
                grant.id(),
                grant.title(),
                grant.pi(),
                grant.institution(),
                grant.funder(),
                grant.kind(),
                grant.term(),
                budget,
                grant.priceList(),
                grant.thresholds(),
                grant.enforcement());
    }

    /** Any registry without a fault: what contradicts the rest is left out. */
    private static Registry registry(Random random) {
        List<Grant> grants = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            grants.add(
                    new Grant(
                            "g" + i,
                            "",
                            "",
                            "",
                            "",
                            GrantKind.VOUCHER,
                            new Span(0, MINUTES * MINUTE_MS),
                            List.of(new BudgetLine.Funding(true, 1_000_000, 0, Span.OPEN_END, "")),
                            "",
                            Thresholds.STANDARD,
                            Enforcement.STANDARD));
        }
        Registry registry =
                new Registry(List.of("c", "d"), grants, List.of(), List.of(), List.of(), List.of());
        for (int i = random.nextInt(12); i > 0; i--) {
            List<AccountMapping> mappings = new ArrayList<>(registry.mappings());
            mappings.add(
                    new AccountMapping(
                            of(random, "c", "d"),
                            of(random, "a", "b"),
                            of(random, "", "", "u"),
                            of(random, "", "", "p"),
                            of(random, "", "", "q"),
                            of(random, "g0", "g1", "g2", "g3"),
                            dates(random)));
            registry = without(registry, mappings, registry.policies());
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            List<ChargePolicy> policies = new ArrayList<>(registry.policies());
            List<WeightRule> rules = new ArrayList<>();
            for (int r = random.nextInt(4); r > 0; r--) {
                rules.add(
                        new WeightRule(
                                of(random, "", "", "c"),
                                of(random, "", "h100", "a100"),
                                of(random, "", "", "p"),
                                of(random, "", "q", "r"),
                                bucket(random),
                                random.nextInt(3_000)));
            }
            policies.add(
                    new ChargePolicy(
                            dates(random),
                            random.nextBoolean(),
                            random.nextBoolean(),
                            random.nextBoolean(),
                            random.nextBoolean(),
                            rules));
            registry = without(registry, registry.mappings(), policies);
        }
        assertThat(RegistryRules.faults(registry)).isEmpty();
        return registry;
    }

    private static Registry without(
            Registry before, List<AccountMapping> mappings, List<ChargePolicy> policies) {
        Registry next =
                new Registry(
                        before.clusters(),
                        before.grants(),
                        mappings,
                        policies,
                        List.of(),
                        List.of());
        return RegistryRules.faults(next).isEmpty() ? next : before;
    }

    private static @Nullable Bucket bucket(Random random) {
        return random.nextInt(3) > 0
                ? null
                : List.of(Bucket.ALLOCATED, Bucket.SUSPENDED, Bucket.OVERHEAD)
                        .get(random.nextInt(3));
    }

    private static ChargeSubject subject(Random random) {
        return new ChargeSubject(
                of(random, "c", "c", "d"),
                of(random, "a", "a", "b", "x"),
                of(random, "u", "v"),
                of(random, "p", "o"),
                of(random, "q", "r"),
                of(random, "", "h100", "a100"),
                random.nextInt(4) > 0
                        ? Bucket.ALLOCATED
                        : List.of(Bucket.values()).get(random.nextInt(Bucket.values().length)),
                of(random, "", "COMPLETED", "NODE_FAIL", "BOOT_FAIL"));
    }

    private static Span dates(Random random) {
        long a = random.nextInt(MINUTES) * MINUTE_MS;
        long b = random.nextInt(MINUTES) * MINUTE_MS;
        long from = random.nextInt(4) == 0 ? Effective.OPEN_START : Math.min(a, b);
        return new Span(from, random.nextInt(4) == 0 ? Span.OPEN_END : Math.max(a, b));
    }

    private static Span span(Random random) {
        long a = random.nextLong(MINUTES * MINUTE_MS);
        long b = random.nextLong(MINUTES * MINUTE_MS);
        return new Span(Math.min(a, b), Math.max(a, b));
    }

    private static String of(Random random, String... choices) {
        return choices[random.nextInt(choices.length)];
    }
}
