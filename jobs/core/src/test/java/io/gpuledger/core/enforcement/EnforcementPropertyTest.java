package io.gpuledger.core.enforcement;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.Action;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class EnforcementPropertyTest {
    private static final List<Action> ACTIONS = List.copyOf(EnumSet.allOf(Action.class));
    private static final Span ALWAYS = new Span(0, Long.MAX_VALUE);

    static Stream<Long> seeds() {
        long first = Long.getLong("gpuledger.seed", 1);
        return Stream.iterate(first, s -> s + 1).limit(Integer.getInteger("gpuledger.seeds", 300));
    }

    /** A scheduler, its log, and an enforcer that may die between any two of its steps. */
    private static final class World {
        private final Map<Association, Limits> limits = new TreeMap<>();
        private final Map<Association, Limits> before = new TreeMap<>();
        private final Map<Association, Mark> marks = new TreeMap<>();
        private final Random dice;

        World(Random dice) {
            this.dice = dice;
            for (String account : List.of("a", "b", "c")) {
                for (String user : List.of("", "u", "v")) {
                    // Limits of the site's own; 0 GPUs is one too.
                    Limits own = new Limits(pick(-1, 0, 8, 64), pick(-1, 5, 100));
                    limits.put(new Association(account, user), own);
                }
            }
            before.putAll(limits);
        }

        private long pick(long... of) {
            return of[dice.nextInt(of.length)];
        }

        /** Dies with a chance of one in four before or after each command. */
        void enforce(EnforcementPlan plan, boolean mayDie) {
            for (Change change : Reconciler.changes(plan, limits, marks)) {
                Association association = change.desired().association();
                Measure measure = change.desired().measure();
                marks.put(association, new Mark(association, measure, change.original(), false));
                if (mayDie && dice.nextInt(4) == 0) {
                    return;
                }
                limits.put(association, change.after());
                if (mayDie && dice.nextInt(4) == 0) {
                    return;
                }
                marks.put(association, new Mark(association, measure, change.original(), true));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void whatever_was_done_and_wherever_it_stopped_the_limits_of_the_site_come_back(long seed) {
        Random dice = new Random(seed);
        World world = new World(dice);
        List<AccountMapping> mappings = mappings(dice);
        for (int round = 0; round < 20; round++) {
            world.enforce(plan(mappings, verdicts(dice)), true);
        }
        world.enforce(plan(mappings, Map.of()), false);

        assertThat(world.limits).isEqualTo(world.before);
        assertThat(Reconciler.changes(plan(mappings, Map.of()), world.limits, world.marks))
                .isEmpty();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void a_round_that_ended_has_nothing_left_to_do_and_binds_nobody_who_pays(long seed) {
        Random dice = new Random(seed);
        World world = new World(dice);
        List<AccountMapping> mappings = mappings(dice);
        Map<String, Verdict> verdicts = verdicts(dice);
        EnforcementPlan plan = plan(mappings, verdicts);
        world.enforce(plan, false);

        assertThat(Reconciler.changes(plan, world.limits, world.marks)).isEmpty();
        for (String account : List.of("a", "b", "c")) {
            for (String user : List.of("u", "v")) {
                boolean bound =
                        isBound(world, new Association(account, user))
                                || isBound(world, Association.of(account));
                assertThat(bound)
                        .as("%s/%s with %s and %s", account, user, mappings, verdicts)
                        .isEqualTo(everyPayerIsStopped(account, user, mappings, verdicts));
            }
        }
    }

    private static boolean isBound(World world, Association association) {
        Mark mark = world.marks.get(association);
        return mark != null && mark.measure() != Measure.NONE;
    }

    /** Said again from the mappings, one job of each kind at a time. */
    private static boolean everyPayerIsStopped(
            String account,
            String user,
            List<AccountMapping> mappings,
            Map<String, Verdict> verdicts) {
        boolean any = false;
        for (String partition : List.of("p", "other")) {
            AccountMapping payer = null;
            for (AccountMapping m : mappings) {
                boolean fits =
                        m.account().equals(account)
                                && (m.user().isEmpty() || m.user().equals(user))
                                && (m.partition().isEmpty() || m.partition().equals(partition));
                if (fits && (payer == null || m.specificity() > payer.specificity())) {
                    payer = m;
                }
            }
            if (payer != null) {
                any = true;
                Verdict verdict = verdicts.get(payer.grantId());
                if (verdict == null || verdict.measure() == Measure.NONE) {
                    return false;
                }
            }
        }
        return any;
    }

    /** Every account for a grant; some users, and some partitions, for others. */
    private static List<AccountMapping> mappings(Random dice) {
        List<AccountMapping> mappings = new ArrayList<>();
        for (String account : List.of("a", "b", "c")) {
            mappings.add(mapping(account, "", "", "g" + dice.nextInt(3)));
            if (dice.nextInt(2) == 0) {
                mappings.add(mapping(account, "u", "", "g" + dice.nextInt(3)));
            } else if (dice.nextInt(3) == 0) {
                mappings.add(mapping(account, "", "p", "g" + dice.nextInt(3)));
            }
        }
        return mappings;
    }

    private static AccountMapping mapping(
            String account, String user, String partition, String grant) {
        return new AccountMapping("k", account, user, partition, "", grant, ALWAYS);
    }

    private static Map<String, Verdict> verdicts(Random dice) {
        Map<String, Verdict> verdicts = new TreeMap<>();
        for (int grant = 0; grant < 3; grant++) {
            Action action = ACTIONS.get(dice.nextInt(ACTIONS.size()));
            verdicts.put("g" + grant, new Verdict(action, 1, dice.nextInt(5) == 0));
        }
        return verdicts;
    }

    private static EnforcementPlan plan(
            List<AccountMapping> mappings, Map<String, Verdict> verdicts) {
        Registry registry =
                new Registry(List.of("k"), List.of(), mappings, List.of(), List.of(), List.of());
        Map<String, List<String>> users =
                Map.of("a", List.of("u", "v"), "b", List.of("u", "v"), "c", List.of("u", "v"));
        return EnforcementPlan.of("k", registry, verdicts, users, 1_000);
    }

    @Test
    void an_account_that_nobody_maps_and_nothing_was_done_to_is_not_touched() {
        Association other = Association.of("other");
        Map<Association, Limits> limits = Map.of(other, new Limits(0, 0));

        assertThat(Reconciler.changes(plan(List.of(), Map.of()), limits, Map.of())).isEmpty();
    }

    @Test
    void an_account_that_nobody_maps_any_more_is_set_free() {
        Association account = Association.of("a");
        Limits own = new Limits(64, Limits.NONE);
        Mark mark = new Mark(account, Measure.REFUSE, own, true);

        List<Change> changes =
                Reconciler.changes(
                        plan(List.of(), Map.of()),
                        Map.of(account, new Limits(0, 0)),
                        Map.of(account, mark));

        assertThat(changes).extracting(Change::after).containsExactly(own);
    }

    @Test
    void what_an_operator_changed_in_the_meantime_stays_when_the_account_is_set_free() {
        Association account = Association.of("a");
        Mark mark = new Mark(account, Measure.REFUSE, Limits.UNLIMITED, true);

        List<Change> changes =
                Reconciler.changes(
                        plan(List.of(), Map.of()),
                        Map.of(account, new Limits(4, 0)),
                        Map.of(account, mark));

        assertThat(changes).extracting(Change::after).containsExactly(new Limits(4, Limits.NONE));
    }

    @Test
    void limits_that_somebody_took_away_are_set_again() {
        Association account = Association.of("a");
        Mark mark = new Mark(account, Measure.REFUSE, new Limits(8, Limits.NONE), true);
        EnforcementPlan plan =
                plan(
                        List.of(mapping("a", "", "", "g")),
                        Map.of("g", new Verdict(Action.REFUSE, 3, false)));

        List<Change> changes =
                Reconciler.changes(plan, Map.of(account, Limits.UNLIMITED), Map.of(account, mark));

        assertThat(changes)
                .singleElement()
                .satisfies(
                        change -> {
                            assertThat(change.drift()).isTrue();
                            assertThat(change.after()).isEqualTo(new Limits(0, 0));
                            assertThat(change.original()).isEqualTo(new Limits(8, Limits.NONE));
                        });
    }
}
