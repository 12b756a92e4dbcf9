package io.gpuledger.benchmarks.queries;

import io.gpuledger.core.run.RunFlag;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.UsageRow;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Usage rows of one slot, window after window. Activity and energy vary as those of real jobs do:
 * every window has numbers of its own, to the last digit.
 */
final class SlotYear {
    private static final String MODEL = "NVIDIA H100 80GB HBM3";
    private static final int SEVENTHS = 7;
    private static final long IDLE_MW = 70_000;
    private static final long BUSY_MW = 280_000;

    /** One of so many windows lacks a part of its scrapes. */
    private static final int GAPS = 100;

    private static final Comparator<UsageRow.Holder> ORDER =
            Comparator.comparing(UsageRow.Holder::bucket).thenComparing(UsageRow.Holder::runId);

    private final YearPlan plan;
    private final List<YearSchedule.Track> tracks;
    private final List<YearSchedule.Outage> outages;
    private final int[] passed;
    private final SplittableRandom random;
    private final String host;
    private final int gpu;
    private final String uuid;

    SlotYear(
            YearPlan plan,
            List<YearSchedule.Track> tracks,
            List<YearSchedule.Outage> outages,
            int windowMs) {
        this.plan = plan;
        this.tracks = tracks;
        this.outages = outages;
        passed = new int[tracks.size()];
        host = YearPlan.host(tracks.get(0).host());
        gpu = tracks.get(0).gpu();
        random = new SplittableRandom(plan.seed() * 31 + host.hashCode() * 8L + gpu + windowMs);
        uuid =
                "GPU-%08x-%04x-4000-8000-%012x"
                        .formatted(
                                random.nextInt(),
                                random.nextInt(0x10000),
                                random.nextLong(1L << 48));
    }

    /** The row of a window; windows come in the order of time. */
    UsageRow row(long fromMs, long toMs) {
        List<UsageRow.Holder> holders = new ArrayList<>();
        long length = toMs - fromMs;
        long lost = random.nextInt(GAPS) == 0 ? random.nextLong(length) : 0;
        long taken = 0;
        long down = 0;
        for (int track = 0; track < tracks.size(); track++) {
            List<UsageRow.Holder> of = holders(track, fromMs, toMs, lost);
            for (UsageRow.Holder holder : of) {
                taken += holder.gpuMs();
            }
            down += share(tracks.get(track), downMs(track, fromMs, toMs));
            holders.addAll(of);
        }
        addFree(holders, Bucket.DOWN, down, 0);
        long idle = length - taken - down;
        addFree(holders, Bucket.IDLE, idle, idle - idle * lost / length);
        holders.sort(ORDER);
        return new UsageRow(YearPlan.CLUSTER, host, gpu, "", fromMs, length, uuid, MODEL, holders);
    }

    private List<UsageRow.Holder> holders(int track, long fromMs, long toMs, long lost) {
        YearSchedule.Track of = tracks.get(track);
        List<YearSchedule.Hold> holds = of.holds();
        while (passed[track] < holds.size()
                && holds.get(passed[track]).overheadUntilMs() <= fromMs) {
            passed[track]++;
        }
        List<UsageRow.Holder> holders = new ArrayList<>();
        for (int i = passed[track]; i < holds.size(); i++) {
            YearJob job = holds.get(i).job();
            if (job.startMs() >= toMs) {
                break;
            }
            long held = share(of, overlap(job.startMs(), job.endMs(), fromMs, toMs));
            long over =
                    share(of, overlap(job.endMs(), holds.get(i).overheadUntilMs(), fromMs, toMs));
            if (held > 0) {
                long covered = held - held * lost / (toMs - fromMs);
                holders.add(holder(Bucket.ALLOCATED, job, of.instance(), held, covered));
            }
            if (over > 0) {
                holders.add(holder(Bucket.OVERHEAD, job, of.instance(), over, over));
            }
        }
        return holders;
    }

    /** Of the time that nobody holds the track, what lies in outages. */
    private long downMs(int track, long fromMs, long toMs) {
        long down = 0;
        for (YearSchedule.Outage outage : outages) {
            long from = Math.max(outage.startMs(), fromMs);
            long to = Math.min(outage.endMs(), toMs);
            if (from < to) {
                down += to - from - takenMs(track, from, to);
            }
        }
        return down;
    }

    private long takenMs(int track, long fromMs, long toMs) {
        List<YearSchedule.Hold> holds = tracks.get(track).holds();
        long taken = 0;
        for (int i = passed[track]; i < holds.size(); i++) {
            YearSchedule.Hold hold = holds.get(i);
            if (hold.job().startMs() >= toMs) {
                break;
            }
            taken += overlap(hold.job().startMs(), hold.overheadUntilMs(), fromMs, toMs);
        }
        return taken;
    }

    private static long overlap(long start, long end, long fromMs, long toMs) {
        return Math.max(0, Math.min(end, toMs) - Math.max(start, fromMs));
    }

    private static long share(YearSchedule.Track track, long ms) {
        return ms * track.sevenths() / SEVENTHS;
    }

    private UsageRow.Holder holder(
            Bucket bucket, YearJob job, int instance, long gpuMs, long coveredMs) {
        boolean computes = bucket == Bucket.ALLOCATED && job.activity() > 0;
        long engine = computes ? vary(job.activity()) : 0;
        long power = computes ? BUSY_MW + engine / 4 + random.nextLong(40_000) : idlePower();
        boolean charged = bucket == Bucket.ALLOCATED;
        return new UsageRow.Holder(
                bucket,
                job.runId(),
                Long.toString(job.id()),
                job.account(),
                job.user(),
                job.partition(),
                job.qos(),
                YearPlan.grant(job.grant()),
                instance,
                gpuMs,
                charged ? gpuMs * 1000 : 0,
                coveredMs,
                coveredMs * engine / 1000,
                coveredMs * vary(engine * 8 / 10) / 1000,
                coveredMs * vary(engine * 4 / 10) / 1000,
                coveredMs * vary(engine * 3 / 10) / 1000,
                coveredMs * (job.memoryMib() + random.nextLong(16)),
                coveredMs * power / 1000,
                charged && !computes ? coveredMs : 0,
                job.isOpenAt(plan.endMs()) ? RunFlag.OPEN.bit() : 0);
    }

    private void addFree(List<UsageRow.Holder> holders, Bucket bucket, long gpuMs, long coveredMs) {
        if (gpuMs <= 0) {
            return;
        }
        holders.add(
                new UsageRow.Holder(
                        bucket,
                        "",
                        "",
                        "",
                        "",
                        "",
                        "",
                        "",
                        -1,
                        gpuMs,
                        0,
                        coveredMs,
                        0,
                        0,
                        0,
                        0,
                        coveredMs * 4,
                        coveredMs * idlePower() / 1000,
                        0,
                        0));
    }

    private long idlePower() {
        return IDLE_MW + random.nextLong(4000);
    }

    /** Up to a tenth more or less, at most all. */
    private long vary(long millionths) {
        return millionths == 0
                ? 0
                : Math.min(1_000_000, millionths * 9 / 10 + random.nextLong(millionths / 5 + 1));
    }
}
