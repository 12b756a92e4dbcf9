package io.gpuledger.quota;

import io.gpuledger.core.quota.Balance;
import io.gpuledger.core.quota.Consumption;
import io.gpuledger.core.quota.Decision;
import io.gpuledger.core.quota.GrantQuota;
import io.gpuledger.core.quota.Position;
import io.gpuledger.core.quota.QuotaState;
import io.gpuledger.core.quota.Standing;
import io.gpuledger.core.quota.Usage;
import io.gpuledger.core.registry.Action;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.time.Span;
import io.gpuledger.flink.QuotaRows;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.schemas.QuotaAction;
import io.gpuledger.schemas.QuotaDecisionRecord;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.metrics.Counter;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import org.jspecify.annotations.Nullable;

/**
 * Keyed by grant: what is left, and what has to be done. Between two things that it learns
 * consumption is a known function of time, so it sleeps until the instant at which that function
 * crosses something. It lives by the wall clock: event time lags, and a budget does not wait for
 * it.
 */
public final class GrantBalance extends KeyedProcessFunction<String, GrantInput, SinkRow> {
    public static final String UID = "grant-balance"; // names this operator in every savepoint

    public static final OutputTag<DecisionMessage> DECISIONS =
            new OutputTag<>("decisions", TypeInformation.of(DecisionMessage.class));

    private static final long serialVersionUID = 1L;
    private static final long MINUTE_MS = 60_000;
    private static final long HOUR_MS = 3_600_000;

    /** What comes in a row is looked at together. */
    private static final long GATHER_MS = 50;

    /** Of a grant that changes all the time a row is written this often. */
    private static final long ROW_MS = 1_000;

    /** Event time lags by what records may be out of order, and by the pause between heartbeats. */
    private static final long CAUGHT_UP_MS = 120_000;

    private final QuotaSettings settings;
    private final PublishedDecisions publishedDecisions;

    private transient ValueState<GrantState> grants;
    private transient MapState<String, ConsumptionState> open;
    private transient MapState<String, ConsumptionState> ended;

    /** Used by forgotten runs, by the hour, cut where the budget is. */
    private transient MapState<Long, Long> folded;

    private transient Map<String, QuotaDecisionRecord> published;
    private transient Map<String, Rules> rules;
    private transient long openedAtMs;
    private transient long lastInputAtMs;
    private transient boolean caughtUp;
    private transient Counter decided;

    /** Parsed once per version of the registry. */
    private record Rules(long version, GrantQuota quota) {}

    public GrantBalance(QuotaSettings settings, PublishedDecisions publishedDecisions) {
        this.settings = settings;
        this.publishedDecisions = publishedDecisions;
    }

    @Override
    public void open(OpenContext context) {
        grants =
                getRuntimeContext()
                        .getState(
                                new ValueStateDescriptor<>(
                                        "grant", TypeInformation.of(GrantState.class)));
        open = consumption("open-runs");
        ended = consumption("ended-runs");
        folded =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>("folded-use", Types.LONG, Types.LONG));
        published = new HashMap<>(publishedDecisions.latest());
        rules = new HashMap<>();
        openedAtMs = -1;
        lastInputAtMs = -1;
        caughtUp = false;
        decided = getRuntimeContext().getMetricGroup().counter("decisions");
    }

    private MapState<String, ConsumptionState> consumption(String name) {
        return getRuntimeContext()
                .getMapState(
                        new MapStateDescriptor<>(
                                name, Types.STRING, TypeInformation.of(ConsumptionState.class)));
    }

    @Override
    public void processElement(GrantInput input, Context context, Collector<SinkRow> out)
            throws Exception {
        long now = context.timerService().currentProcessingTime();
        begin(now);
        lastInputAtMs = now;
        GrantState grant = grants.value();
        grant = grant == null ? new GrantState() : grant;
        switch (input.kind) {
            case GrantInput.CONSUMPTION -> take(consumption(input), grant, now, out);
            case GrantInput.FOLD -> fold(consumption(input), grant);
            case GrantInput.GRANT -> define(input.version, input.text, input.grantId, grant);
            case GrantInput.GRANT_GONE -> define(input.version, "", input.grantId, grant);
            default -> throw new IllegalArgumentException("grant input of kind " + input.kind);
        }
        wakeAt(now + GATHER_MS, grant, context.timerService());
        grants.update(grant);
    }

    private static ConsumptionState consumption(GrantInput input) {
        return Objects.requireNonNull(input.consumption, "the kind has one");
    }

    private void begin(long now) {
        if (openedAtMs < 0) {
            openedAtMs = now;
            lastInputAtMs = now;
        }
    }

    private void take(ConsumptionState taken, GrantState grant, long now, Collector<SinkRow> out)
            throws Exception {
        String run = taken.runId;
        ConsumptionState before = ended.get(run);
        if (before != null) {
            add(grant, before.toCore(), -1);
            ended.remove(run);
        }
        open.remove(run);
        if (taken.open) {
            open.put(run, taken);
        } else if (!taken.isNothing()) {
            ended.put(run, taken);
            add(grant, taken.toCore(), 1);
        }
        out.collect(QuotaRows.run(taken.toCore(), now, revision(grant, now)));
    }

    private static void add(GrantState grant, Consumption run, int sign) {
        grant.settledGpuUs += sign * run.until(Span.OPEN_END);
        for (int i = 0; i < grant.cuts.length; i++) {
            grant.settledBefore[i] += sign * run.until(grant.cuts[i]);
        }
    }

    /** What will not change any more is kept by the hour; the sums have it already. */
    private void fold(ConsumptionState last, GrantState grant) throws Exception {
        ConsumptionState state = ended.get(last.runId);
        if (state == null) {
            state = open.get(last.runId);
            if (state == null) {
                return;
            }
            // Nobody has heard of it for so long: it went on until its limit.
            add(grant, state.toCore(), 1);
        }
        open.remove(last.runId);
        ended.remove(last.runId);
        Consumption run = state.toCore();
        long at = state.fromMs.length == 0 ? Long.MAX_VALUE : state.fromMs[0];
        for (long from : state.fromMs) {
            at = Math.min(at, from);
        }
        long total = run.until(Span.OPEN_END);
        long before = 0;
        while (before < total) {
            long next = nextFoldCut(at, grant);
            long until = run.until(next);
            if (until > before) {
                Long sum = folded.get(at);
                folded.put(at, (sum == null ? 0 : sum) + until - before);
            }
            before = until;
            at = next;
        }
    }

    private static long nextFoldCut(long atMs, GrantState grant) {
        long next = Math.floorDiv(atMs, HOUR_MS) * HOUR_MS + HOUR_MS;
        for (long cut : grant.cuts) {
            if (cut > atMs) {
                next = Math.min(next, cut);
            }
        }
        return next;
    }

    private void define(long version, String text, String grantId, GrantState grant)
            throws Exception {
        if (version <= grant.registryVersion) {
            return;
        }
        grant.registryVersion = version;
        grant.text = text;
        GrantQuota quota = rules(grantId, grant);
        grant.cuts =
                quota == null
                        ? new long[0]
                        : quota.plan().cuts().stream().mapToLong(Long::longValue).toArray();
        grant.settledBefore = new long[grant.cuts.length];
        GrantUsage usage = usage(grant, Long.MAX_VALUE);
        for (int i = 0; i < grant.cuts.length; i++) {
            grant.settledBefore[i] = usage.settledExactly(grant.cuts[i]);
        }
    }

    private @Nullable GrantQuota rules(String grantId, GrantState grant) {
        if (grant.text.isEmpty()) {
            return null;
        }
        Rules known = rules.get(grantId);
        if (known != null && known.version() == grant.registryVersion) {
            return known.quota();
        }
        try {
            Registry registry = RegistryText.parse("grant " + grantId, grant.text);
            GrantQuota quota = new GrantQuota(registry.grants().get(0), registry.adjustments());
            rules.put(grantId, new Rules(grant.registryVersion, quota));
            return quota;
        } catch (RegistryException e) {
            throw new IllegalStateException(
                    "what registry version %d says of grant %s does not parse: %s"
                            .formatted(grant.registryVersion, grantId, e.getMessage()),
                    e);
        }
    }

    private GrantUsage usage(GrantState grant, long now) throws Exception {
        List<Consumption> going = new ArrayList<>();
        for (ConsumptionState state : open.values()) {
            going.add(state.toCore());
        }
        return new GrantUsage(
                grant,
                now,
                going,
                new GrantUsage.Ended() {
                    @Override
                    public List<Consumption> runs() {
                        List<Consumption> runs = new ArrayList<>();
                        for (ConsumptionState state : read(ended::values)) {
                            runs.add(state.toCore());
                        }
                        return runs;
                    }

                    @Override
                    public Map<Long, Long> folded() {
                        Map<Long, Long> sums = new HashMap<>();
                        for (Map.Entry<Long, Long> entry : read(folded::entries)) {
                            sums.put(entry.getKey(), entry.getValue());
                        }
                        return sums;
                    }
                });
    }

    private interface Reading<T> {
        Iterable<T> read() throws Exception;
    }

    private static <T> Iterable<T> read(Reading<T> state) {
        try {
            return state.read();
        } catch (Exception e) { // declared by Flink for all state
            throw new IllegalStateException("keyed state of a grant", e);
        }
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        GrantState grant = grants.value();
        if (grant == null) {
            return;
        }
        TimerService timers = context.timerService();
        long now = timers.currentProcessingTime();
        begin(now);
        if (grant.timerMs > now) {
            return; // another timer, which an earlier one has taken the place of
        }
        grant.timerMs = -1;
        if (isCaughtUp(timers, now, grant)) {
            look(context.getCurrentKey(), grant, context, out);
        } else {
            wakeAt(now + ROW_MS, grant, timers);
        }
        grants.update(grant);
    }

    /**
     * What history says of a moment in the past must not be enforced now. Event time passes through
     * every channel behind the records that it belongs to; where no scheduler is heard, silence has
     * to do.
     */
    private boolean isCaughtUp(TimerService timers, long now, GrantState grant) {
        if (!caughtUp) {
            caughtUp =
                    timers.currentWatermark() >= openedAtMs - CAUGHT_UP_MS
                            || now - lastInputAtMs >= settings.quietMs();
        }
        boolean known =
                grant.registryVersion == 0 || grant.registryVersion >= settings.registryVersion();
        return caughtUp && known;
    }

    /** The balance now, the decision that is due, the row, and when to look again. */
    private void look(
            String grantId, GrantState grant, OnTimerContext context, Collector<SinkRow> out)
            throws Exception {
        long now = context.timerService().currentProcessingTime();
        GrantUsage usage = usage(grant, now);
        adopt(grantId, grant, out);
        GrantQuota quota = rules(grantId, grant);
        boolean isNew = false;
        long next = Long.MAX_VALUE;
        if (quota != null) {
            Usage counted =
                    quota.grant().enforcement().countsCommitted() ? usage.withCommitted() : usage;
            Optional<Decision> due = quota.decide(grant.standing(), counted, now);
            isNew = due.isPresent();
            grant.keep(
                    due.isPresent()
                            ? due.get().standing()
                            : quota.standing(grant.standing(), counted, now));
            due.ifPresent(d -> publish(record(grantId, d, grant, usage), context, out));
            next = quota.nextInstant(grant.standing(), counted, now);
        } else if (!grant.action.equals(Action.ALLOW.name())) {
            isNew = true;
            Decision released = released(grant, usage, now);
            grant.keep(released.standing());
            publish(record(grantId, released, grant, usage), context, out);
        }
        long minute = Math.floorDiv(now, MINUTE_MS) * MINUTE_MS + MINUTE_MS;
        if (isNew || grant.rowAtMs < 0 || now - grant.rowAtMs >= ROW_MS) {
            grant.rowAtMs = now;
            out.collect(
                    QuotaRows.state(
                            balance(grantId, grant, quota, usage, now), now, revision(grant, now)));
        } else {
            next = Math.min(next, grant.rowAtMs + ROW_MS);
        }
        wakeAt(Math.min(next, minute), grant, context.timerService());
    }

    /** The registry does not know the grant any more: nobody may be refused in its name. */
    private static Decision released(GrantState grant, GrantUsage usage, long now) {
        Standing free =
                new Standing(
                        QuotaState.OK,
                        QuotaState.OK,
                        Span.OPEN_END,
                        Action.ALLOW,
                        false,
                        grant.sequence + 1);
        long used = usage.until(now);
        return new Decision(
                free,
                new Position(now, used, used, 0, List.of()),
                now,
                now,
                "the registry does not know the grant any more");
    }

    /** An attempt before this one may have decided more than its checkpoint remembers. */
    private void adopt(String grantId, GrantState grant, Collector<SinkRow> out) {
        QuotaDecisionRecord last = published.remove(grantId);
        if (last == null || last.getSequence() <= grant.sequence) {
            return;
        }
        QuotaState state = QuotaState.valueOf(last.getState().name());
        QuotaState level = state == QuotaState.EXPIRED ? QuotaState.valueOf(grant.level) : state;
        grant.keep(
                new Standing(
                        state,
                        level,
                        level == QuotaState.EXHAUSTED ? grant.exhaustedSinceMs : Span.OPEN_END,
                        Action.valueOf(last.getAction().name()),
                        last.getDryRun(),
                        last.getSequence()));
        // The other attempt may have died before this row was in.
        out.collect(QuotaRows.decision(last));
    }

    private void publish(
            QuotaDecisionRecord decision, OnTimerContext context, Collector<SinkRow> out) {
        decided.inc();
        DecisionMessage message = new DecisionMessage();
        message.grantId = decision.getGrantId();
        try {
            ByteBuffer encoded = QuotaDecisionRecord.getEncoder().encode(decision);
            message.value = new byte[encoded.remaining()];
            encoded.get(message.value);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException("encoding into memory", e);
        }
        context.output(DECISIONS, message);
        out.collect(QuotaRows.decision(decision));
    }

    private static QuotaDecisionRecord record(
            String grantId, Decision decision, GrantState grant, GrantUsage usage) {
        Standing standing = decision.standing();
        return QuotaDecisionRecord.newBuilder()
                .setGrantId(grantId)
                .setSequence(standing.sequence())
                .setAction(QuotaAction.valueOf(standing.action().name()))
                .setState(io.gpuledger.schemas.QuotaState.valueOf(standing.state().name()))
                .setEffectiveAtMs(decision.effectiveAtMs())
                .setDecidedAtMs(decision.decidedAtMs())
                .setBudgetGpuUs(decision.position().budgetGpuUs())
                .setSettledGpuUs(grant.settledGpuUs)
                .setRunningGpuUs(usage.running(decision.decidedAtMs()))
                .setCommittedGpuUs(usage.committed())
                .setDryRun(standing.dryRun())
                .setReason(decision.reason())
                .build();
    }

    private Balance balance(
            String grantId,
            GrantState grant,
            @Nullable GrantQuota quota,
            GrantUsage usage,
            long now)
            throws Exception {
        long used = usage.until(now);
        long window = settings.burnWindowMs();
        long burnt = used - usage.until(now - window);
        long gpus = 0;
        int runs = 0;
        for (ConsumptionState state : open.values()) {
            gpus += state.toCore().gpuMilliAt(now);
            runs++;
        }
        return new Balance(
                grantId,
                quota == null
                        ? new Position(now, 0, used, 0, List.of())
                        : quota.position(now, usage),
                grant.standing(),
                quota == null ? Effective.ALWAYS : quota.grant().term(),
                quota != null && quota.plan().isLimited(),
                grant.settledGpuUs,
                usage.running(now),
                usage.committed(),
                gpus,
                runs,
                burnt,
                window,
                quota == null ? -1 : quota.exhaustsAt(usage, now),
                quota == null
                        ? -1
                        : quota.exhaustsAt(GrantQuota.trailing(usage, now, burnt, window), now),
                grant.text.isEmpty() ? 0 : grant.registryVersion);
    }

    /** Orders rows of one grant, also over restarts. */
    private static long revision(GrantState grant, long now) {
        grant.revision = Math.max(grant.revision + 1, now * 1_000);
        return grant.revision;
    }

    private static void wakeAt(long atMs, GrantState grant, TimerService timers) {
        if (grant.timerMs >= 0 && grant.timerMs <= atMs) {
            return;
        }
        if (grant.timerMs >= 0) {
            timers.deleteProcessingTimeTimer(grant.timerMs);
        }
        grant.timerMs = atMs;
        timers.registerProcessingTimeTimer(atMs);
    }
}
