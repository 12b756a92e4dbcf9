package io.gpuledger.core.reconcile;

import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Builds what a ledger has of one run from who held what, minute by minute; times in seconds. */
final class LedgerTimeline {
    private record Held(long fromMs, long toMs, long gpus, boolean suspended) {}

    private record Instances(long fromMs, long toMs, int count, int slices, int of) {}

    private final long job;
    private final long startMs;
    private @Nullable Long endMs;
    private String account = "a";
    private int flags;
    private long uncertainFromMs = Long.MAX_VALUE;
    private final List<Held> held = new ArrayList<>();
    private final List<Instances> instances = new ArrayList<>();
    private final List<Run.ScheduledSpan> scheduled = new ArrayList<>();
    private final List<DisputedStretch> disputed = new ArrayList<>();
    private int sharedFlag;
    private long scale = 1;

    LedgerTimeline(long job, long start, @Nullable Long end) {
        this.job = job;
        this.startMs = start * 1000;
        this.endMs = end == null ? null : (Long) (end * 1000);
    }

    LedgerTimeline holds(long from, long to, long gpus) {
        held.add(new Held(from * 1000, to * 1000, gpus, false));
        return this;
    }

    LedgerTimeline suspended(long from, long to, long gpus) {
        held.add(new Held(from * 1000, to * 1000, gpus, true));
        return this;
    }

    LedgerTimeline instances(long from, long to, int count, int slices, int of) {
        instances.add(new Instances(from * 1000, to * 1000, count, slices, of));
        return this;
    }

    /** All held time is divided by this. */
    LedgerTimeline shared(long by, RunFlag... flag) {
        scale = by;
        for (RunFlag f : flag) {
            sharedFlag |= f.bit();
        }
        return this;
    }

    LedgerTimeline read(long start, long end, int gpus) {
        scheduled.add(new Run.ScheduledSpan(start * 1000, end * 1000, gpus));
        return this;
    }

    LedgerTimeline lost(long fromMinute, long toMinute, long gpuMs) {
        disputed.add(new DisputedStretch(fromMinute * 60_000, toMinute * 60_000, gpuMs));
        return this;
    }

    LedgerTimeline account(String name) {
        account = name;
        return this;
    }

    LedgerTimeline uncertain(RunFlag flag, long from) {
        flags |= flag.bit();
        uncertainFromMs = from * 1000;
        return this;
    }

    LedgerRun in(Span window) {
        List<HeldStretch> stretches = new ArrayList<>();
        long total = 0;
        for (long m = window.startMs(); m < window.endMs(); m += HeldStretch.MINUTE_MS) {
            long to = m + HeldStretch.MINUTE_MS;
            long allocated = 0;
            long suspended = 0;
            for (Held h : held) {
                long ms = h.gpus * overlap(h.fromMs, h.toMs, m, to);
                if (h.suspended) {
                    suspended += ms;
                } else {
                    allocated += ms;
                }
            }
            allocated /= scale;
            long onInstances = 0;
            int count = 0;
            for (Instances i : instances) {
                long ms = overlap(i.fromMs, i.toMs, m, to);
                onInstances += i.count * ms * i.slices / i.of;
                count += ms > 0 ? i.count : 0;
            }
            allocated += onInstances;
            if (allocated + suspended == 0) {
                continue;
            }
            total += allocated + suspended;
            int doubt = to >= uncertainFromMs ? flags : 0;
            merge(
                    stretches,
                    new HeldStretch(
                            m, to, allocated, suspended, onInstances, count, doubt | sharedFlag));
        }
        return new LedgerRun(
                "c/" + job + "/" + startMs / 1000,
                job,
                Long.toString(job),
                account,
                "u",
                startMs,
                endMs,
                flags,
                scheduled,
                total,
                stretches,
                disputed);
    }

    /** As the query does it: minutes in a row that are alike are one. */
    private static void merge(List<HeldStretch> stretches, HeldStretch minute) {
        if (!stretches.isEmpty()) {
            HeldStretch last = stretches.get(stretches.size() - 1);
            HeldStretch longer =
                    new HeldStretch(
                            last.fromMs(),
                            minute.toMs(),
                            minute.allocatedMs(),
                            minute.suspendedMs(),
                            minute.instanceMs(),
                            minute.instances(),
                            minute.flags());
            boolean alike =
                    last.equals(
                            new HeldStretch(
                                    last.fromMs(),
                                    last.toMs(),
                                    minute.allocatedMs(),
                                    minute.suspendedMs(),
                                    minute.instanceMs(),
                                    minute.instances(),
                                    minute.flags()));
            if (alike && last.toMs() == minute.fromMs()) {
                stretches.set(stretches.size() - 1, longer);
                return;
            }
        }
        stretches.add(minute);
    }

    private static long overlap(long from, long to, long start, long end) {
        return Math.max(0, Math.min(to, end) - Math.max(from, start));
    }
}
