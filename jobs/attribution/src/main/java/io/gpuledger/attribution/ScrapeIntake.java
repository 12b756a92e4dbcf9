package io.gpuledger.attribution;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.SampleSeries;
import java.util.Map;
import org.apache.flink.api.common.state.ReadOnlyBroadcastState;
import org.apache.flink.streaming.api.TimerService;
import org.jspecify.annotations.Nullable;

/** Takes scrapes into the memory of their host and sets the timers of what they change. */
final class ScrapeIntake {
    private final AttributionSettings settings;
    private final SampleArchive archive;
    private final HostTimers timers;
    private final HostKnowledge knowledge;
    private final SampleEffects effects;

    /** When a scrape comes, and what is known of the scheduler then. */
    record Moment(TimerService timers, ReadOnlyBroadcastState<String, KnownTimes> scheduler) {
        /** Before the first watermark nothing was written that a scrape could change. */
        boolean isLive() {
            return timers.currentWatermark() != Long.MIN_VALUE;
        }
    }

    ScrapeIntake(
            AttributionSettings settings,
            SampleArchive archive,
            HostTimers timers,
            HostKnowledge knowledge) {
        this.settings = settings;
        this.archive = archive;
        this.timers = timers;
        this.knowledge = knowledge;
        this.effects = new SampleEffects(settings.readingRules());
    }

    /** Whether a scrape said anything that was not known. */
    boolean take(HostMemory memory, Scrape scrape, Moment moment) throws Exception {
        if (memory.unpacked > 0 && (archive.isFull(memory) || beginsAnHour(memory, scrape))) {
            archive.pack(memory);
            long written = moment.timers().currentWatermark() - settings.settleMs();
            archive.trim(
                    memory,
                    moment.isLive() ? written - 2 * HostTimers.WINDOW_MS : memory.lastSampleMs);
        }
        boolean fresh = goesOn(memory, scrape, moment) || takeAnew(memory, scrape, moment);
        if (fresh) {
            memory.unpacked++;
        }
        return fresh || scrape.layout().size() == 0;
    }

    private static boolean beginsAnHour(HostMemory memory, Scrape scrape) {
        return HostTimers.floor(scrape.observedAtMs(), HostTimers.HOUR_MS) > memory.lastSampleMs;
    }

    /**
     * Takes a scrape that says of the same GPUs, called the same, what happened since the last one:
     * nearly all are. It changes the windows since then and nothing else; nothing is compared.
     *
     * @return false when it is not so, and nothing was done
     */
    private boolean goesOn(HostMemory memory, Scrape scrape, Moment moment) {
        HostMemory.Applied applied = memory.applied(scrape.layout());
        long at = scrape.observedAtMs();
        if (applied == null
                || at <= memory.lastSampleMs
                || (scrape.layout().isLabelled && memory.isCounted)) {
            return false;
        }
        long from = memory.lastSampleMs;
        if (!memory.isLikeLast(scrape)) {
            memory.takeIn();
            from = effects.earliest(scrape, applied.tracks);
            if (from == SampleEffects.NOT_KNOWN) {
                return false;
            }
            for (int slot : applied.slots) {
                from = Math.min(from, memory.host.slotLastMs[slot]);
            }
        }
        memory.forgetExcerptFrom(from);
        memory.takeNext(scrape, applied);
        if (moment.isLive()) {
            timers.touch(memory, from, at, moment.timers());
        }
        return true;
    }

    /** Any other scrape. Tells whether it said anything that was not known. */
    private boolean takeAnew(HostMemory memory, Scrape scrape, Moment moment) throws Exception {
        memory.takeIn();
        ScrapeLayout layout = scrape.layout();
        long at = scrape.observedAtMs();
        boolean changes =
                moment.isLive() && (renames(memory, scrape) || placesAnew(memory, scrape));
        knowledge.note(memory, changes, moment.scheduler(), moment.timers());
        boolean inOrder = at > memory.lastSampleMs;
        boolean fresh = inOrder && layout.size() > 0;
        if (moment.isLive()) {
            Map<Integer, SampleSeries> near =
                    at >= memory.recentFromMs
                            ? memory.recent()
                            : archive.excerpt(memory, at, at + 1);
            for (int i = 0; i < layout.size(); i++) {
                Track track = memory.track(layout.gpuIndex[i], layout.instance[i]);
                if (!inOrder && isKnown(near.get(track.id), scrape, i)) {
                    continue;
                }
                fresh = true;
                for (Span span : effects.of(scrape, i, track, memory.tracks, near)) {
                    timers.touch(memory, span.startMs(), span.endMs(), moment.timers());
                }
                if (track.series.differsInSlices(layout.slices[i], layout.slicesPerGpu[i], at)) {
                    // Which part of its card an instance is: that scales all it ever said.
                    memory.unapply();
                    timers.touch(
                            memory,
                            Math.min(at, track.series.firstMs()),
                            track.series.lastMs(at),
                            moment.timers());
                }
                timers.evidence(
                        memory, layout.gpuIndex[i], new Span(at, at), false, moment.timers());
            }
        } else {
            fresh = layout.size() > 0;
        }
        if (!fresh) {
            return false;
        }
        keep(memory, scrape);
        memory.apply(layout);
        memory.excerpt = null;
        memory.forgetFacts();
        return true;
    }

    /** Puts the samples of a scrape where they belong in memory; again if they are there. */
    private static void keep(HostMemory memory, Scrape scrape) {
        ScrapeLayout layout = scrape.layout();
        long at = scrape.observedAtMs();
        for (int i = 0; i < layout.size(); i++) {
            Track track = memory.track(layout.gpuIndex[i], layout.instance[i]);
            track.series.card(layout.uuids[i], layout.models[i], at);
            track.series.slicesOf(layout.slices[i], layout.slicesPerGpu[i], at);
            int from = i * SampleSeries.FIELDS;
            track.noteFields(at, scrape.values(), from);
            track.recent.add(at, scrape.coverMs(), layout.uuids[i], scrape.values(), from);
            if (at <= memory.host.packedToMs) {
                track.late.add(at, scrape.coverMs(), layout.uuids[i], scrape.values(), from);
            }
            if (at < memory.recentFromMs) {
                track.recent.dropBefore(memory.recentFromMs);
            }
            int slot = memory.slot(layout.gpuIndex[i]);
            memory.host.slotFirstMs[slot] = Math.min(memory.host.slotFirstMs[slot], at);
            memory.host.slotLastMs[slot] = Math.max(memory.host.slotLastMs[slot], at);
            if (!layout.jobs[i].isEmpty()) {
                memory.hint(layout.jobs[i], layout.gpuIndex[i], at);
            }
            memory.lastSampleMs = Math.max(memory.lastSampleMs, at);
        }
    }

    private static boolean isKnown(@Nullable SampleSeries samples, Scrape scrape, int element) {
        return samples != null
                && samples.says(
                        scrape.observedAtMs(),
                        scrape.coverMs(),
                        scrape.layout().uuids[element],
                        scrape.values(),
                        element * SampleSeries.FIELDS);
    }

    /** Whether a scrape calls any card what it was not called before, or earlier. */
    private static boolean renames(HostMemory memory, Scrape scrape) {
        ScrapeLayout layout = scrape.layout();
        for (int i = 0; i < layout.size(); i++) {
            SeriesState known = memory.track(layout.gpuIndex[i], layout.instance[i]).series;
            if (!known.isCalled(layout.uuids[i], layout.models[i], scrape.observedAtMs())) {
                return true;
            }
        }
        return false;
    }

    /** A job label that reaches a counted run anew may place that run's devices in all its time. */
    private static boolean placesAnew(HostMemory memory, Scrape scrape) {
        ScrapeLayout layout = scrape.layout();
        if (!layout.isLabelled || !memory.isCounted) {
            return false;
        }
        for (HostRun run : memory.runs.values()) {
            for (Holding holding : run.holdings()) {
                for (int i = 0; holding.gpuIndex() < 0 && i < layout.size(); i++) {
                    if (!layout.jobs[i].isEmpty() && reachesAnew(memory, scrape, i, holding)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private static boolean reachesAnew(
            HostMemory memory, Scrape scrape, int element, Holding holding) {
        HostState host = memory.host;
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (int i = 0; i < host.hintJob.length; i++) {
            if (host.hintJob[i].equals(scrape.layout().jobs[element])
                    && host.hintGpu[i] == scrape.layout().gpuIndex[element]) {
                first = host.hintFirstMs[i];
                last = host.hintLastMs[i];
            }
        }
        long at = scrape.observedAtMs();
        long from = holding.startMs();
        long to = holding.endMs();
        boolean reached = first < to && from < last;
        boolean reaches = Math.min(first, at) < to && from < Math.max(last, at + 1);
        return reaches && !reached;
    }
}
