package io.gpuledger.testkit;

import io.gpuledger.testkit.Scenario.Ending;
import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Instance;
import io.gpuledger.testkit.Scenario.Part;
import io.gpuledger.testkit.Scenario.Row;
import io.gpuledger.testkit.Scenario.Run;
import io.gpuledger.testkit.Scenario.Seen;
import io.gpuledger.testkit.Scenario.Stretch;
import io.gpuledger.testkit.Scenario.Watch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The jobs of a scenario. A job is kept only where its cards are free and where what the sources
 * say of it suffices to find the truth: an answer nobody could know is no test.
 */
final class Workload {
    private static final long SECOND_MS = 1_000;
    private static final long FOR_EVER = Long.MAX_VALUE / 2;
    private static final long MIN_JOB_AGE_MS = 300_000;
    private static final long REQUEUE_WAIT_MS = 120_000;
    private static final int ATTEMPTS = 60;

    private final Dice dice;
    private final Set<Kind> kinds;
    private final long fromMs;
    private final long toMs;
    private final Watch watch;
    private final List<Host> hosts;
    private final List<Run> runs = new ArrayList<>();
    private long nextJobId;

    Workload(Dice dice, Set<Kind> kinds, long fromMs, long toMs, Watch watch, List<Host> hosts) {
        this.dice = dice;
        this.kinds = kinds;
        this.fromMs = fromMs;
        this.toMs = toMs;
        this.watch = watch;
        this.hosts = hosts;
        this.nextJobId = dice.between(1, 90_000);
    }

    List<Run> runs() {
        List<Kind> special = new ArrayList<>(kinds);
        special.removeIf(k -> k.of() != Kind.Of.RUN || !possible(k));
        int wanted = dice.between(3, 10);
        int jobs = 0;
        for (int i = 0; i < ATTEMPTS && jobs < wanted; i++) {
            boolean odd = !special.isEmpty() && (i < ATTEMPTS / 3 || dice.chance(50));
            Kind kind = odd ? dice.of(special) : Kind.PLAIN;
            List<Draft> job = job(kind);
            if (!job.isEmpty() && fits(job, kind)) {
                nextJobId += dice.between(1, 9);
                job.forEach(d -> runs.add(d.run()));
                jobs++;
            }
        }
        return runs;
    }

    /** Kinds whose truth can be seen the way this scenario is watched. */
    private boolean possible(Kind kind) {
        Set<Kind> always =
                EnumSet.of(
                        Kind.PLAIN,
                        Kind.MULTI_HOST,
                        Kind.EXCLUSIVE,
                        Kind.STILL_RUNNING,
                        Kind.NEVER_STARTED,
                        Kind.ENDS_WITH_THE_MINUTE,
                        Kind.ZERO_LENGTH);
        if (always.contains(kind)) {
            return true;
        }
        if (watch.boundedAccounting()) {
            return kind == Kind.REQUEUED;
        }
        return switch (kind) {
            case NODE_FAIL -> true;
            case REQUEUED -> accountingIsRead();
            case SUSPENDED_BETWEEN_POLLS -> polled() && accountingIsRead();
            case SUSPENDED, CANCELLED_WHILE_SUSPENDED, REQUEUED_AFTER_END, LOST_INCARNATION ->
                    polled();
            case RESIZED, LOST_INCARNATION_HOOKS_ONLY, DOUBLE_HOLD -> watch.indices();
            case RUNAWAY -> !polled();
            default -> false;
        };
    }

    private boolean polled() {
        return !watch.polls().isEmpty();
    }

    private boolean accountingIsRead() {
        return !watch.accounting().isEmpty();
    }

    private List<Draft> job(Kind kind) {
        long start = second(dice.between(fromMs - 60_000, toMs - 20_000));
        long end = start + length();
        return switch (kind) {
            case MULTI_HOST -> single(draft(start, end, many(start, end)));
            case EXCLUSIVE -> single(draft(start, end, whole(start, end)));
            case SUSPENDED -> suspended(start, false);
            case SUSPENDED_BETWEEN_POLLS -> suspended(start, true);
            case CANCELLED_WHILE_SUSPENDED -> cancelledWhileSuspended(start);
            case RESIZED -> resized(start);
            case REQUEUED -> requeued(start, end, false);
            case REQUEUED_AFTER_END -> requeued(start, end, true);
            case LOST_INCARNATION -> lost(start);
            case LOST_INCARNATION_HOOKS_ONLY -> hooksOnly(start);
            case NODE_FAIL -> nodeFail(start, end);
            case STILL_RUNNING -> stillRunning(start);
            case NEVER_STARTED -> neverStarted(start);
            case ZERO_LENGTH -> zeroLength(start);
            case DOUBLE_HOLD -> doubleHold(start, end);
            case RUNAWAY -> runaway(start, end);
            case ENDS_WITH_THE_MINUTE -> {
                long whole = Math.floorDiv(end, 60_000) * 60_000 + 60_000;
                yield single(draft(start, whole, parts(start, whole)));
            }
            default -> single(draft(start, end, parts(start, end)));
        };
    }

    private long length() {
        int seconds =
                switch (dice.between(0, 3)) {
                    case 0 -> dice.between(1, 9);
                    case 1 -> dice.between(100, 300);
                    default -> dice.between(10, 100);
                };
        return seconds * SECOND_MS;
    }

    private static long second(long ms) {
        return Math.floorDiv(ms, SECOND_MS) * SECOND_MS;
    }

    private List<Draft> single(Draft draft) {
        if (draft.parts.isEmpty()) {
            return List.of();
        }
        draft.hooks();
        draft.accounted(draft.startMs, draft.endMs, 0);
        return List.of(draft);
    }

    private Draft draft(long start, long end, List<Part> parts) {
        return new Draft(nextJobId, 0, start - dice.between(0, 30) * SECOND_MS, start, end, parts);
    }

    /** Some devices of one host. */
    private List<Part> parts(long start, long end) {
        return on(dice.of(hosts), start, end, 0);
    }

    private List<Part> many(long start, long end) {
        List<Host> plain = cardHosts();
        if (plain.size() < 2) {
            return List.of();
        }
        List<Host> chosen = dice.some(plain, dice.between(2, plain.size()));
        int each = dice.between(1, 2);
        List<Part> parts = new ArrayList<>();
        for (int i = 0; i < chosen.size(); i++) {
            // Without indices only an even split can be found again, or one that is visibly odd.
            boolean more =
                    i == 0 && dice.chance(watch.indices() || watch.boundedAccounting() ? 40 : 0);
            parts.addAll(on(chosen.get(i), start, end, more ? each + 1 : each));
        }
        return parts.stream().map(Part::host).distinct().count() == chosen.size()
                ? parts
                : List.of();
    }

    /** {@code --exclusive}: whatever was asked for, the whole node is allocated. */
    private List<Part> whole(long start, long end) {
        List<Host> plain = plainHosts();
        if (plain.isEmpty()) {
            return List.of();
        }
        Host host = dice.of(plain);
        return on(host, start, end, host.cards());
    }

    private List<Host> plainHosts() {
        List<Host> plain = new ArrayList<>(hosts);
        plain.removeIf(this::isDivided);
        return plain;
    }

    /** Hosts of whole cards: hooks name no type, and a job over several hosts has one. */
    private List<Host> cardHosts() {
        List<Host> cards = plainHosts();
        cards.removeIf(h -> h.gresType().contains("g."));
        return cards;
    }

    private boolean isDivided(Host host) {
        return host.shardsPerCard() > 0 || host.isMig();
    }

    /** Free devices of the host; the count is a wish if 0. Empty when there are not enough. */
    private List<Part> on(Host host, long start, long end, int count) {
        if (isDivided(host) && (!polled() || !watch.indices())) {
            return List.of();
        }
        List<Part> free = new ArrayList<>();
        if (host.isMig()) {
            for (Instance instance : host.instances()) {
                free.add(new Part(host.name(), instance.card(), instance.id(), 0, start, end));
            }
        } else {
            for (int card = 0; card < host.cards(); card++) {
                int shards = host.shardsPerCard() == 0 ? 0 : dice.between(1, host.shardsPerCard());
                free.add(new Part(host.name(), card, -1, shards, start, end));
            }
        }
        free.removeIf(p -> !isFree(p));
        int wanted = count > 0 ? count : dice.between(1, 3);
        if (free.isEmpty() || (count > 0 && free.size() < count)) {
            return List.of();
        }
        return dice.some(free, Math.min(wanted, free.size()));
    }

    private boolean isFree(Part wanted) {
        Host host =
                hosts.stream().filter(h -> h.name().equals(wanted.host())).findAny().orElseThrow();
        int shards = wanted.shards();
        for (Run run : runs) {
            for (Part other : run.parts()) {
                boolean same =
                        other.host().equals(wanted.host())
                                && other.card() == wanted.card()
                                && other.instance() == wanted.instance();
                if (same
                        && other.fromMs() < wanted.toMs()
                        && wanted.fromMs() < takenUntil(run, other)) {
                    shards += other.shards();
                    if (wanted.shards() == 0 || shards > host.shardsPerCard()) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    /** A run whose end nobody states has its cards until a poll misses it. */
    private long takenUntil(Run run, Part part) {
        return run.ending() == Ending.ABSENT ? firstPollFrom(run.endMs()) : part.toMs();
    }

    private long firstPollFrom(long ms) {
        return watch.polls().stream().filter(p -> p >= ms).min(Long::compare).orElse(toMs);
    }

    /** No card is held twice, and two runs never leave one card at the same time. */
    private boolean fits(List<Draft> job, Kind kind) {
        for (Draft draft : job) {
            if (!draft.canBeFound(kind)) {
                return false;
            }
            for (Part part : draft.parts) {
                if (!isFree(part)) {
                    return false;
                }
                long freed = draft.freed.getOrDefault(part.host(), part.toMs());
                for (Run run : runs) {
                    for (Part other : run.parts()) {
                        long otherFreed = run.freedAtMs().getOrDefault(other.host(), other.toMs());
                        boolean same =
                                other.host().equals(part.host()) && other.card() == part.card();
                        if (same
                                && Math.max(part.toMs(), other.toMs())
                                        <= Math.min(freed, otherFreed)) {
                            return false;
                        }
                    }
                }
            }
        }
        return true;
    }

    private boolean pollIn(long from, long to) {
        return watch.polls().stream().anyMatch(p -> from <= p && p < to);
    }

    private List<Draft> suspended(long start, boolean between) {
        List<Stretch> stretches = new ArrayList<>();
        long at = start;
        int count = between ? dice.between(2, 3) : dice.between(1, 3);
        for (int i = 0; i < count; i++) {
            long a = at + dice.between(1, 40) * SECOND_MS;
            long b = a + dice.between(1, 60) * SECOND_MS;
            stretches.add(new Stretch(a, b));
            at = b;
        }
        long end = at + dice.between(1, 40) * SECOND_MS;
        if (end > toMs || !canBeFound(stretches, end, between)) {
            return List.of();
        }
        Draft draft = draft(start, end, parts(start, end));
        draft.suspensions.addAll(stretches);
        if (draft.parts.isEmpty()) {
            return List.of();
        }
        draft.hooks();
        draft.accounted(start, end, stretches.stream().mapToLong(s -> s.toMs() - s.fromMs()).sum());
        return List.of(draft);
    }

    /**
     * A poll in a suspension tells its begin and the sum before it, one after it tells its end and
     * the sum so far, accounting tells the sum at the end.
     */
    private boolean canBeFound(List<Stretch> stretches, long end, boolean between) {
        boolean all = true;
        for (int i = 0; i < stretches.size(); i++) {
            Stretch s = stretches.get(i);
            boolean last = i + 1 == stretches.size();
            long next = last ? end : stretches.get(i + 1).fromMs();
            boolean during = pollIn(s.fromMs(), s.toMs());
            boolean after = pollIn(s.toMs(), next);
            boolean sum =
                    after
                            || last
                            || pollIn(stretches.get(i + 1).fromMs(), stretches.get(i + 1).toMs());
            if (!(during || after) || !sum) {
                return false;
            }
            all &= during && after;
        }
        return all != between;
    }

    private List<Draft> cancelledWhileSuspended(long start) {
        long suspension = start + dice.between(2, 60) * SECOND_MS;
        long end = suspension + dice.between(3, 90) * SECOND_MS;
        if (end > toMs || !pollIn(suspension + 1, end)) {
            return List.of();
        }
        Draft draft = draft(start, end, parts(start, end));
        if (draft.parts.isEmpty()) {
            return List.of();
        }
        draft.suspensions.add(new Stretch(suspension, end));
        draft.state = "CANCELLED";
        draft.hooks();
        boolean endSeen = watch.indices() && pollIn(end, draft.listedUntil);
        if (dice.chance(60) || !endSeen) {
            draft.controllerEnd = suspension;
            draft.epilogController = end + dice.between(0, 999);
        } else {
            draft.epilogController = null;
        }
        draft.completion = null;
        draft.accounted(start, suspension, 0);
        return List.of(draft);
    }

    private List<Draft> resized(long start) {
        List<Host> plain = cardHosts();
        if (plain.size() < 2) {
            return List.of();
        }
        long first = start + dice.between(2, 60) * SECOND_MS;
        long second = first + dice.between(2, 60) * SECOND_MS;
        long end = second + dice.between(2, 60) * SECOND_MS;
        List<Host> chosen = dice.some(plain, plain.size());
        List<Long> cuts = chosen.size() == 2 ? List.of(end, first) : List.of(end, second, first);
        boolean seen =
                pollIn(start, first)
                        && (cuts.size() == 2
                                ? pollIn(first, end)
                                : pollIn(first, second) && pollIn(second, end));
        if (end > toMs || !(accountingIsRead() || seen)) {
            return List.of();
        }
        Draft draft = draft(start, end, List.of());
        for (int i = 0; i < chosen.size(); i++) {
            draft.parts.addAll(on(chosen.get(i), start, cuts.get(i), dice.between(1, 2)));
        }
        if (draft.parts.stream().map(Part::host).distinct().count() < chosen.size()) {
            return List.of();
        }
        draft.hooks();
        draft.prologs();
        for (int i = 1; i < chosen.size(); i++) {
            if (draft.freed.containsKey(chosen.get(i).name())) {
                draft.freed.put(chosen.get(i).name(), cuts.get(i) + dice.between(20, 900));
            }
        }
        draft.completion = null;
        // sacct without -D shows the last row only: then the polls tell what was before.
        boolean onlyLast = seen && dice.chance(30);
        long from = start;
        long submit = draft.submitMs;
        for (int i = chosen.size() - 1; i >= 0; i--) {
            long to = cuts.get(i);
            boolean last = i == 0;
            draft.rows.add(draft.row(from + 100, to, submit, start, null, "RUNNING", 0, from));
            if (last || !onlyLast) {
                draft.rows.add(
                        draft.row(
                                to,
                                FOR_EVER,
                                submit,
                                start,
                                to,
                                last ? draft.state : "RESIZING",
                                0,
                                from));
            }
            from = to;
            submit = to;
        }
        return List.of(draft);
    }

    /** A requeue: while it runs, or of a finished job, whose accounting row it then rewrites. */
    private List<Draft> requeued(long start, long end, boolean afterEnd) {
        long requeue = afterEnd ? end + dice.between(5, 60) * SECOND_MS : end;
        long again = requeue + REQUEUE_WAIT_MS + dice.between(0, 20) * SECOND_MS;
        if (again > toMs - 5_000) {
            return List.of();
        }
        List<Part> had = parts(start, end);
        long end2 = Math.min(second(toMs), again + length());
        List<Part> has = parts(again, end2);
        if (had.isEmpty() || has.isEmpty()) {
            return List.of();
        }
        Draft first = draft(start, end, had);
        first.hooks();
        first.listedUntil = requeue;
        if (afterEnd) {
            first.state = "COMPLETED";
            if (!pollIn(end, requeue) || dice.chance(30)) {
                first.epilogController = end + dice.between(0, 999);
            }
            first.rows.add(
                    first.row(start + 100, end, first.submitMs, start, null, "RUNNING", 0, start));
            first.rows.add(
                    first.row(end, requeue, first.submitMs, start, end, "COMPLETED", 0, start));
            first.rows.add(
                    first.row(
                            requeue,
                            FOR_EVER,
                            first.submitMs,
                            start,
                            requeue,
                            "REQUEUED",
                            0,
                            start));
        } else {
            first.state = dice.of(List.of("REQUEUED", "PREEMPTED", "NODE_FAIL"));
            first.accounted(start, end, 0);
        }
        Draft second = new Draft(first.jobId, 1, requeue, again, end2, has);
        second.hooks();
        second.accounted(again, end2, 0);
        return List.of(first, second);
    }

    /** A launch on a dead node: accounting overwrites its row with that of the next start. */
    private List<Draft> lost(long start) {
        long end = start + dice.between(3, 25) * SECOND_MS;
        long again = end + REQUEUE_WAIT_MS + dice.between(0, 20) * SECOND_MS;
        if (again > toMs - 5_000 || !pollIn(start, end) || firstPollFrom(end) >= again) {
            return List.of();
        }
        long end2 = Math.min(second(toMs), again + length());
        List<Part> had = new ArrayList<>(parts(start, firstPollFrom(end)));
        had.replaceAll(p -> new Part(p.host(), p.card(), p.instance(), p.shards(), start, end));
        List<Part> has = parts(again, end2);
        if (had.isEmpty() || has.isEmpty()) {
            return List.of();
        }
        Draft first = draft(start, end, had);
        first.ending = Ending.ABSENT;
        first.controllerEnd = null;
        first.rows.add(
                first.row(
                        start + 100,
                        again + 100,
                        first.submitMs,
                        start,
                        null,
                        "RUNNING",
                        0,
                        start));
        Draft second = new Draft(first.jobId, 1, end, again, end2, has);
        second.hooks();
        second.accountedAs(first.submitMs, again, end2, 0);
        return List.of(first, second);
    }

    /** Too short for a poll and not in accounting: the hooks alone saw it. */
    private List<Draft> hooksOnly(long start) {
        long end = start + dice.between(1, 9) * SECOND_MS;
        List<Host> plain = cardHosts();
        if (plain.isEmpty() || pollIn(start, end) || end > toMs) {
            return List.of();
        }
        Host host = dice.of(plain);
        Draft draft = draft(start, end, on(host, start, end, 0));
        if (draft.parts.isEmpty()) {
            return List.of();
        }
        draft.controllerEnd = null;
        draft.listedUntil = FOR_EVER;
        draft.prologs.put(host.name(), start + dice.between(50, 999));
        boolean node = dice.chance(70);
        if (node) {
            draft.freed.put(host.name(), end + dice.between(20, 999));
        }
        if (!node || dice.chance(50)) {
            draft.epilogController = end + dice.between(0, 999);
        }
        return List.of(draft);
    }

    private List<Draft> nodeFail(long start, long end) {
        Draft draft = draft(start, end, parts(start, end));
        draft.state = "NODE_FAIL";
        List<Draft> job = single(draft);
        draft.freed.replaceAll((host, at) -> at + 25_000);
        return job;
    }

    private List<Draft> stillRunning(long start) {
        long end = second(toMs) + 100_000;
        Draft draft = draft(start, end, parts(start, end));
        if (draft.parts.isEmpty()) {
            return List.of();
        }
        draft.ending = Ending.OPEN;
        draft.hooks();
        draft.freed.clear();
        draft.epilogController = null;
        draft.completion = null;
        draft.controllerEnd = null;
        draft.rows.add(
                draft.row(start + 100, FOR_EVER, draft.submitMs, start, null, "RUNNING", 0, start));
        return List.of(draft);
    }

    /** Cancelled while pending: Slurm then says that it started when it ended. */
    private List<Draft> neverStarted(long start) {
        Draft draft = draft(start, start, List.of());
        draft.state = "CANCELLED";
        draft.accounted(start, start, 0);
        return List.of(draft);
    }

    private List<Draft> zeroLength(long start) {
        Draft draft = draft(start, start, parts(start, start));
        if (draft.parts.isEmpty()) {
            return List.of();
        }
        draft.hooks();
        draft.freed.clear();
        draft.accounted(start, start, 0);
        return List.of(draft);
    }

    /** A second run gets cards that the first turns out to hold still. */
    private List<Draft> doubleHold(long start, long end) {
        List<Host> plain = plainHosts();
        if (plain.isEmpty() || end - start < 3_000) {
            return List.of();
        }
        Draft first = draft(start, end, on(dice.of(plain), start, end, 0));
        if (first.parts.isEmpty()) {
            return List.of();
        }
        long start2 = second(dice.between(start + SECOND_MS, end - SECOND_MS));
        long end2 = start2 + length();
        List<Part> taken = dice.some(first.parts, dice.between(1, first.parts.size()));
        taken.replaceAll(p -> new Part(p.host(), p.card(), p.instance(), p.shards(), start2, end2));
        nextJobId++;
        Draft second = draft(start2, end2, taken);
        for (Draft draft : List.of(first, second)) {
            draft.hooks();
            draft.prologs();
            draft.freed.clear();
            draft.accounted(draft.startMs, draft.endMs, 0);
        }
        return List.of(first, second);
    }

    /** The end of the first was lost with its node; the next run's start bounds it. */
    private List<Draft> runaway(long start, long end) {
        List<Host> plain = plainHosts();
        if (plain.isEmpty()) {
            return List.of();
        }
        Draft first = draft(start, end, on(dice.of(plain), start, end, 0));
        long start2 = end + dice.between(0, 30) * SECOND_MS;
        long end2 = start2 + length();
        if (first.parts.isEmpty() || end2 > toMs) {
            return List.of();
        }
        List<Part> taken = dice.some(first.parts, 1);
        taken.replaceAll(p -> new Part(p.host(), p.card(), p.instance(), p.shards(), start2, end2));
        first.ending = Ending.RUNAWAY;
        first.prologs();
        first.rows.add(
                first.row(start + 100, FOR_EVER, first.submitMs, start, null, "RUNNING", 0, start));
        nextJobId++;
        Draft second = draft(start2, end2, taken);
        second.hooks();
        second.accounted(start2, end2, 0);
        return List.of(first, second);
    }

    /** A run being made. */
    private final class Draft {
        final long jobId;
        final int restarts;
        final long submitMs;
        final long startMs;
        final long endMs;
        final List<Part> parts;
        final String user = dice.of(List.of("alice", "bob", "carol"));
        final List<Stretch> suspensions = new ArrayList<>();
        final Map<String, Long> freed = new TreeMap<>();
        final Map<String, Long> prologs = new TreeMap<>();
        final List<Row> rows = new ArrayList<>();
        Ending ending = Ending.STATED;
        String state = dice.of(List.of("COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY"));
        @Nullable Long prologController;
        @Nullable Long epilogController;
        @Nullable Long controllerEnd;
        @Nullable Long completion;
        long listedUntil;

        Draft(long jobId, int restarts, long submitMs, long startMs, long endMs, List<Part> parts) {
            this.jobId = jobId;
            this.restarts = restarts;
            this.submitMs = submitMs;
            this.startMs = startMs;
            this.endMs = endMs;
            this.parts = new ArrayList<>(parts);
            this.controllerEnd = endMs;
            this.listedUntil = endMs + MIN_JOB_AGE_MS;
        }

        Run run() {
            return new Run(
                    jobId,
                    restarts,
                    "grp-" + user,
                    user,
                    submitMs,
                    startMs,
                    endMs,
                    ending,
                    List.copyOf(parts),
                    List.copyOf(suspensions),
                    Collections.unmodifiableMap(freed),
                    new Seen(
                            Collections.unmodifiableMap(prologs),
                            prologController,
                            epilogController,
                            state,
                            controllerEnd,
                            listedUntil,
                            completion,
                            List.copyOf(rows)));
        }

        boolean divided() {
            return parts.stream()
                    .anyMatch(
                            p ->
                                    hosts.stream()
                                            .anyMatch(
                                                    h ->
                                                            h.name().equals(p.host())
                                                                    && isDivided(h)));
        }

        /** The position is known from a poll or the prologs, and somebody sees it hold. */
        boolean canBeFound(Kind kind) {
            boolean position =
                    !watch.indices()
                            || !prologs.isEmpty()
                            || parts.isEmpty()
                            || startMs == endMs
                            || pollIn(startMs, endMs);
            boolean open =
                    ending != Ending.OPEN
                            || pollIn(startMs, toMs + 1)
                            || watch.accounting().stream().anyMatch(a -> a >= startMs + 100);
            boolean over = kind == Kind.STILL_RUNNING || endMs <= toMs;
            boolean ended =
                    accountingIsRead() || ending != Ending.STATED || pollIn(endMs, listedUntil);
            return position && open && over && ended && !(divided() && startMs == endMs);
        }

        /** The hooks that a site may have. */
        void hooks() {
            if (watch.boundedAccounting()) {
                return;
            }
            boolean bare = divided() || !watch.indices();
            if (!bare && (dice.chance(70) || !pollIn(startMs, endMs) || watch.polls().isEmpty())) {
                prologs();
            }
            if (!divided() && dice.chance(70)) {
                for (Part part : parts) {
                    freed.putIfAbsent(part.host(), endMs + dice.between(20, 3_000));
                }
            }
            if (dice.chance(50)) {
                prologController = startMs + dice.between(0, 900);
                epilogController = endMs + dice.between(0, 2_500);
            }
            if (dice.chance(30)) {
                completion = endMs;
            }
        }

        void prologs() {
            for (Part part : parts) {
                prologs.putIfAbsent(part.host(), startMs + dice.between(50, 1_400));
            }
        }

        void accounted(long from, long to, long suspendedMs) {
            accountedAs(submitMs, from, to, suspendedMs);
        }

        void accountedAs(long submit, long from, long to, long suspendedMs) {
            long visible = from + dice.between(100, 3_000);
            if (visible < to) {
                rows.add(row(visible, to, submit, from, null, "RUNNING", 0, from));
            }
            rows.add(row(to, FOR_EVER, submit, from, to, state, suspendedMs, from));
        }

        Row row(
                long visibleFrom,
                long visibleTo,
                long submit,
                long start,
                @Nullable Long end,
                String rowState,
                long suspendedMs,
                long layoutAt) {
            List<Part> layout = new ArrayList<>(parts);
            layout.removeIf(p -> p.toMs() <= layoutAt && p.fromMs() < p.toMs());
            return new Row(
                    visibleFrom, visibleTo, submit, start, end, rowState, suspendedMs, layout);
        }
    }
}
