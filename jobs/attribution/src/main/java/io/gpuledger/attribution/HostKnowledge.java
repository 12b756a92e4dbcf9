package io.gpuledger.attribution;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.FactsChange;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostTimeline;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.api.common.state.ReadOnlyBroadcastState;
import org.apache.flink.streaming.api.TimerService;

/** Puts together what is known of a host beside its samples; again only when that changed. */
final class HostKnowledge {
    private final AttributionSettings settings;
    private final HostTimers timers;

    /** Counts what was heard of the scheduler: facts and windows know up to which they are. */
    private int heard;

    HostKnowledge(AttributionSettings settings, HostTimers timers) {
        this.settings = settings;
        this.timers = timers;
    }

    void hearScheduler() {
        heard++;
    }

    /** What is known of a host; put together anew only when something other than samples came. */
    HostFacts of(HostMemory memory, ReadOnlyBroadcastState<String, KnownTimes> scheduler)
            throws Exception {
        HostFacts facts = memory.facts;
        if (facts != null && memory.factsUntilMs < memory.lastSampleMs) {
            facts = facts.seenUntil(memory.lastSamples());
        }
        if (facts == null) {
            facts = build(memory, scheduler);
        } else if (memory.factsHeard != heard) {
            facts = facts.withSchedulerKnown(known(memory.host.cluster, scheduler));
        }
        memory.facts = facts;
        memory.factsHeard = heard;
        memory.factsUntilMs = memory.lastSampleMs;
        return facts;
    }

    /**
     * Something may change the facts: with the next watermark they are compared with those of now.
     * Many things may have come until then, and facts of all that is known are dear.
     */
    void note(
            HostMemory memory,
            boolean compare,
            ReadOnlyBroadcastState<String, KnownTimes> scheduler,
            TimerService service)
            throws Exception {
        memory.takeIn();
        if (compare && memory.before == null) {
            memory.before = of(memory, scheduler);
            timers.onNextWatermark(service);
        }
    }

    private HostFacts build(HostMemory memory, ReadOnlyBroadcastState<String, KnownTimes> scheduler)
            throws Exception {
        HostState host = memory.host;
        HostTimeline timeline = memory.timeline;
        if (timeline == null) {
            timeline = HostTimeline.of(memory.snapshots(), settings.schedulerGapMs());
            memory.timeline = timeline;
        }
        List<HostFacts.JobHint> hints = new ArrayList<>();
        for (int i = 0; i < host.hintJob.length; i++) {
            hints.add(
                    new HostFacts.JobHint(
                            host.hintJob[i],
                            host.hintGpu[i],
                            host.hintFirstMs[i],
                            host.hintLastMs[i]));
        }
        return HostFacts.of(
                host.cluster,
                host.host,
                timeline,
                List.copyOf(memory.runs.values()),
                hints,
                memory.sampled(timeline),
                known(host.cluster, scheduler));
    }

    private static List<Span> known(
            String cluster, ReadOnlyBroadcastState<String, KnownTimes> scheduler) throws Exception {
        KnownTimes times = scheduler.get(cluster);
        return times == null ? List.of() : times.known();
    }

    /** Windows were written with what was known of the scheduler then. */
    void touchNewlyKnown(
            HostMemory memory,
            ReadOnlyBroadcastState<String, KnownTimes> scheduler,
            TimerService service)
            throws Exception {
        if (memory.touchedHeard == heard) {
            return;
        }
        memory.touchedHeard = heard;
        HostState host = memory.host;
        List<Span> known = known(host.cluster, scheduler);
        List<Span> before = new ArrayList<>();
        for (int i = 0; i < host.knownFromMs.length; i++) {
            before.add(new Span(host.knownFromMs[i], host.knownToMs[i]));
        }
        if (before.equals(known)) {
            return;
        }
        long first = Arrays.stream(host.slotFirstMs).min().orElse(Long.MAX_VALUE);
        long last = Arrays.stream(host.slotLastMs).max().orElse(Long.MIN_VALUE);
        for (Span span : FactsChange.difference(before, known)) {
            timers.touch(
                    memory,
                    Math.max(span.startMs(), HostTimers.floor(first, HostTimers.WINDOW_MS)),
                    Math.min(span.endMs() - 1, last),
                    service);
        }
        host.knownFromMs = known.stream().mapToLong(Span::startMs).toArray();
        host.knownToMs = known.stream().mapToLong(Span::endMs).toArray();
    }
}
