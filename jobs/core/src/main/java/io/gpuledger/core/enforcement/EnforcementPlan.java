package io.gpuledger.core.enforcement;

import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.Registry;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What the associations of one cluster should be. Limits of Slurm go down the tree: what binds an
 * account binds all its users. So where the users of an account belong to grants that stand
 * differently, the account gets the mildest measure and each user his own. Where a mapping names a
 * partition or QOS, no limit of an association tells its jobs apart: then the mildest of the grants
 * counts, for a grant that has paid must not be stopped by one that has not.
 *
 * @param desired by association, of every account that the registry maps now
 * @param undecided what a decision asks for and no limit can do, for people
 */
public record EnforcementPlan(SortedMap<Association, Desired> desired, List<String> undecided) {
    public EnforcementPlan {
        desired = new TreeMap<>(desired);
        undecided = List.copyOf(undecided);
    }

    /**
     * The plan at an instant.
     *
     * @param verdicts by grant; one without is not limited
     * @param users the users that each account has in the scheduler
     */
    public static EnforcementPlan of(
            String cluster,
            Registry registry,
            Map<String, Verdict> verdicts,
            Map<String, ? extends Collection<String>> users,
            long nowMs) {
        SortedMap<String, List<AccountMapping>> accounts = new TreeMap<>();
        for (AccountMapping mapping : registry.mappings()) {
            if (mapping.cluster().equals(cluster) && mapping.effective().contains(nowMs)) {
                accounts.computeIfAbsent(mapping.account(), a -> new ArrayList<>()).add(mapping);
            }
        }
        Builder plan = new Builder(verdicts);
        accounts.forEach(
                (account, mappings) -> {
                    Collection<String> members = users.get(account);
                    plan.account(account, mappings, members == null ? List.of() : members);
                });
        return new EnforcementPlan(plan.desired, plan.undecided);
    }

    private static final class Builder {
        private final Map<String, Verdict> verdicts;
        private final SortedMap<Association, Desired> desired = new TreeMap<>();
        private final List<String> undecided = new ArrayList<>();

        Builder(Map<String, Verdict> verdicts) {
            this.verdicts = verdicts;
        }

        void account(String account, List<AccountMapping> mappings, Collection<String> members) {
            SortedSet<String> users = new TreeSet<>(members);
            mappings.forEach(m -> users.add(m.user()));
            users.remove("");
            SortedMap<String, Desired> own = new TreeMap<>();
            for (String user : users) {
                own.put(user, mildest(new Association(account, user), mappings));
            }
            Desired whole = mildest(Association.of(account), mappings);
            for (Desired one : own.values()) {
                if (one.measure().compareTo(whole.measure()) < 0) {
                    whole =
                            new Desired(
                                    Association.of(account),
                                    one.measure(),
                                    one.grantId(),
                                    one.sequence());
                }
            }
            desired.put(whole.association(), whole);
            for (Desired one : own.values()) {
                // What binds the account binds him already.
                boolean stricter = one.measure().compareTo(whole.measure()) > 0;
                desired.put(
                        one.association(),
                        stricter
                                ? one
                                : new Desired(
                                        one.association(),
                                        Measure.NONE,
                                        one.grantId(),
                                        one.sequence()));
            }
        }

        /** Of the grants that pay for some of its jobs. */
        private Desired mildest(Association association, List<AccountMapping> mappings) {
            List<AccountMapping> fitting = fitting(association.user(), mappings);
            if (fitting.isEmpty()) {
                return new Desired(association, Measure.NONE, "", 0);
            }
            Desired mildest = null;
            SortedSet<String> stricter = new TreeSet<>();
            for (AccountMapping mapping : fitting) {
                Verdict verdict = verdicts.get(mapping.grantId());
                Desired one =
                        new Desired(
                                association,
                                verdict == null ? Measure.NONE : verdict.measure(),
                                mapping.grantId(),
                                verdict == null ? 0 : verdict.sequence());
                if (mildest == null || one.measure().compareTo(mildest.measure()) < 0) {
                    mildest = one;
                }
                if (one.measure() != Measure.NONE) {
                    stricter.add(mapping.grantId());
                }
            }
            if (mildest == null) {
                throw new IllegalStateException("no mapping fits " + association);
            }
            stricter.remove(mildest.grantId());
            if (!stricter.isEmpty() && mildest.measure() == Measure.NONE) {
                undecided.add(
                        "%s also runs for %s, which pays: %s cannot be stopped there; map whole accounts or users"
                                .formatted(
                                        association,
                                        mildest.grantId(),
                                        String.join(", ", stricter)));
            }
            return mildest;
        }

        /**
         * Of mappings for all jobs of a user the one that names him hides the one for everybody.
         */
        private static List<AccountMapping> fitting(String user, List<AccountMapping> mappings) {
            boolean named =
                    mappings.stream().anyMatch(m -> m.user().equals(user) && isOfAllJobs(m));
            List<AccountMapping> fitting = new ArrayList<>();
            for (AccountMapping m : mappings) {
                boolean his = m.user().isEmpty() || m.user().equals(user);
                boolean hidden = named && m.user().isEmpty() && !user.isEmpty();
                if (his && !(hidden && isOfAllJobs(m))) {
                    fitting.add(m);
                }
            }
            return fitting;
        }

        private static boolean isOfAllJobs(AccountMapping m) {
            return m.partition().isEmpty() && m.qos().isEmpty();
        }
    }
}
