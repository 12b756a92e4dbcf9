package io.gpuledger.enforcement;

import io.gpuledger.core.enforcement.Association;
import io.gpuledger.core.enforcement.Change;
import io.gpuledger.core.enforcement.Desired;
import io.gpuledger.core.enforcement.EnforcementPlan;
import io.gpuledger.core.enforcement.Limits;
import io.gpuledger.core.enforcement.Mark;
import io.gpuledger.core.enforcement.Measure;
import io.gpuledger.core.enforcement.Reconciler;
import io.gpuledger.core.enforcement.Verdict;
import io.gpuledger.core.registry.Action;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.sql.QuotaQuery;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Makes the scheduler's limits what the last decisions want, over and over: a step that failed or
 * was never begun is done by the next. It does nothing on figures that may be old: a ledger that
 * stands still must not lock anybody out, nor let anybody in.
 */
public final class SlurmEnforcer {
    private static final int JOBS_AT_ONCE = 200;

    /**
     * What to do and when not to.
     *
     * @param cluster name in the ledger
     * @param staleAfter a grant whose balance is older is left as it is
     * @param dryRun nothing is changed, everything is said
     * @param actor who does it, for the log
     */
    public record Settings(String cluster, Duration staleAfter, boolean dryRun, String actor) {}

    /**
     * What a step came to.
     *
     * @param done what was changed, or would be in a dry run
     * @param failed what could not be
     * @param notes what people should know: stale grants, mappings that no limit can follow
     */
    public record Step(
            List<EnforcementLog.Entry> done,
            List<EnforcementLog.Entry> failed,
            List<String> notes) {
        public Step {
            done = List.copyOf(done);
            failed = List.copyOf(failed);
            notes = List.copyOf(notes);
        }
    }

    private final Settings settings;
    private final Scheduler scheduler;
    private final QuotaQuery quota;
    private final RegistryLog registries;
    private final EnforcementLog log;
    private final Clock clock;
    private long lastUs;

    public SlurmEnforcer(Settings settings, Scheduler scheduler, Warehouse warehouse, Clock clock) {
        this.settings = settings;
        this.scheduler = scheduler;
        this.quota = new QuotaQuery(warehouse);
        this.registries = new RegistryLog(warehouse);
        this.log = new EnforcementLog(warehouse);
        this.clock = clock;
    }

    /**
     * One round.
     *
     * @throws SchedulerException when the scheduler does not tell its limits: nothing was done
     */
    public Step step() throws SchedulerException, InterruptedException {
        List<String> notes = new ArrayList<>();
        Optional<RegistryLog.Version> version = registries.latest();
        if (version.isEmpty()) {
            return new Step(
                    List.of(), List.of(), List.of("no registry was applied; nobody is limited"));
        }
        Registry registry;
        try {
            registry =
                    RegistryText.parse(
                            "registry version " + version.get().version(), version.get().body());
        } catch (RegistryException e) {
            return new Step(
                    List.of(),
                    List.of(),
                    List.of(
                            "%s; nothing is changed until a registry is applied again"
                                    .formatted(e.getMessage())));
        }
        Map<Association, Limits> actual = scheduler.limits();
        Map<Association, Mark> marks = log.marks(settings.cluster());
        Map<String, Verdict> verdicts = new TreeMap<>();
        SortedMap<String, String> stale = new TreeMap<>();
        verdicts(registry, verdicts, stale);
        EnforcementPlan plan =
                EnforcementPlan.of(
                        settings.cluster(),
                        registry,
                        verdicts,
                        usersByAccount(actual),
                        clock.millis());
        notes.addAll(plan.undecided());
        notes.addAll(stale.values());
        List<EnforcementLog.Entry> done = new ArrayList<>();
        List<EnforcementLog.Entry> failed = new ArrayList<>();
        for (Change change : Reconciler.changes(plan, actual, marks)) {
            // Not known how it stands: neither locked nor set free.
            if (!stale.containsKey(change.desired().grantId())) {
                carryOut(change, done, failed);
            }
        }
        for (Desired desired : plan.desired().values()) {
            if (desired.measure() == Measure.DRAIN) {
                drain(desired, actual, done, failed);
            }
        }
        return new Step(done, failed, notes);
    }

    /** Grants without a fresh balance have no verdict, and whoever they pay for is left alone. */
    private void verdicts(
            Registry registry, Map<String, Verdict> verdicts, Map<String, String> stale) {
        Map<String, QuotaQuery.Standing> standings = new HashMap<>();
        quota.standings("").forEach(s -> standings.put(s.grantId(), s));
        long now = clock.millis();
        registry.grants()
                .forEach(
                        grant -> {
                            QuotaQuery.Standing s = standings.get(grant.id());
                            if (s == null) {
                                stale.put(
                                        grant.id(),
                                        "%s has no balance yet; it is left as it is"
                                                .formatted(grant.id()));
                            } else if (now - s.asOfMs() > settings.staleAfter().toMillis()) {
                                stale.put(
                                        grant.id(),
                                        "%s has a balance of %s, older than %s; it is left as it is until the quota job goes on"
                                                .formatted(
                                                        grant.id(),
                                                        Instant.ofEpochMilli(s.asOfMs()),
                                                        settings.staleAfter()));
                            } else {
                                verdicts.put(
                                        grant.id(),
                                        new Verdict(
                                                Action.valueOf(s.action()),
                                                s.sequence(),
                                                s.dryRun()));
                            }
                        });
    }

    private static Map<String, List<String>> usersByAccount(Map<Association, Limits> actual) {
        Map<String, List<String>> users = new TreeMap<>();
        for (Association association : actual.keySet()) {
            if (!association.user().isEmpty()) {
                users.computeIfAbsent(association.account(), a -> new ArrayList<>())
                        .add(association.user());
            }
        }
        return users;
    }

    private void carryOut(
            Change change, List<EnforcementLog.Entry> done, List<EnforcementLog.Entry> failed)
            throws InterruptedException {
        Desired desired = change.desired();
        List<String> command =
                change.isOnlyNoted()
                        ? List.of()
                        : scheduler.commandFor(
                                desired.association(), change.before(), change.after());
        String why = change.drift() ? "somebody had changed what was set" : "";
        perform(
                desired,
                change.before(),
                change.after(),
                change.original(),
                command,
                why,
                done,
                failed);
    }

    private void drain(
            Desired desired,
            Map<Association, Limits> actual,
            List<EnforcementLog.Entry> done,
            List<EnforcementLog.Entry> failed)
            throws SchedulerException, InterruptedException {
        Limits is = actual.get(desired.association());
        if (is == null) {
            return;
        }
        List<String> jobs = scheduler.gpuJobs(desired.association());
        for (int from = 0; from < jobs.size(); from += JOBS_AT_ONCE) {
            List<String> some = jobs.subList(from, Math.min(jobs.size(), from + JOBS_AT_ONCE));
            Mark mark = log.marks(settings.cluster()).get(desired.association());
            perform(
                    desired,
                    is,
                    desired.measure().over(is),
                    mark == null ? is : mark.original(),
                    scheduler.cancelCommand(some),
                    "%d GPU jobs".formatted(some.size()),
                    done,
                    failed);
        }
    }

    private void perform(
            Desired desired,
            Limits before,
            Limits after,
            Limits original,
            List<String> command,
            String why,
            List<EnforcementLog.Entry> done,
            List<EnforcementLog.Entry> failed)
            throws InterruptedException {
        EnforcementLog.Entry begun =
                new EnforcementLog.Entry(
                        nowUs(),
                        settings.cluster(),
                        desired.association(),
                        desired.grantId(),
                        desired.sequence(),
                        desired.measure(),
                        before,
                        after,
                        original,
                        EnforcementLog.Outcome.BEGUN,
                        String.join(" ", command),
                        why,
                        settings.actor());
        if (settings.dryRun()) {
            done.add(begun.ended(nowUs(), EnforcementLog.Outcome.DRY_RUN, why));
            return;
        }
        log.add(begun);
        EnforcementLog.Entry ended;
        try {
            if (!command.isEmpty()) {
                scheduler.run(command);
            }
            ended = begun.ended(nowUs(), EnforcementLog.Outcome.DONE, why);
            done.add(ended);
        } catch (SchedulerException e) {
            ended =
                    begun.ended(
                            nowUs(), EnforcementLog.Outcome.FAILED, String.valueOf(e.getMessage()));
            failed.add(ended);
        }
        log.add(ended);
    }

    /** Later than any row before: what was done after it was begun must be the last. */
    private long nowUs() {
        Instant now = clock.instant();
        long us =
                Math.addExact(
                        Math.multiplyExact(now.getEpochSecond(), 1_000_000L),
                        now.getNano() / 1_000L);
        lastUs = Math.max(us, lastUs + 1);
        return lastUs;
    }
}
