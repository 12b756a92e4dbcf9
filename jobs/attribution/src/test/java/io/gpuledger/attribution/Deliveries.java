package io.gpuledger.attribution;

import io.gpuledger.flink.WireMessage;
import io.gpuledger.testkit.Inputs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/**
 * When the records of a scenario reach the job. Every record was observed at some time; what varies
 * is how much later it arrives and whether it arrives once.
 */
final class Deliveries {
    private static final long MINUTE_MS = 60_000;

    /** As far as AttributionJob lets records of one source lie behind each other. */
    private static final long OUT_OF_ORDER_MS = 30_000;

    /** Inside the horizon, and beyond any window's settling. */
    private static final long LATE_MS = 100 * MINUTE_MS;

    /** Time goes on this long after the last record: every job is looked at again each hour. */
    private static final long REST_MS = 160 * MINUTE_MS;

    /** What happens to records on their way. */
    enum Fault {
        /** Nothing. */
        IN_ORDER,
        /** Out of order by less than the watermark waits for. */
        JITTER,
        /** Anything arrives at any time within {@link #LATE_MS}. */
        SHUFFLED,
        /** Some arrive again, at once or much later. */
        DUPLICATED,
        /** All records of some minutes of one source arrive together, late. */
        WITHHELD,
        /** Telemetry comes when all is over, and its source is idle until then. */
        TELEMETRY_LATE,
        /** The same for all that the scheduler says. */
        SCHEDULER_LATE,
        /** Everything at once. */
        ALL
    }

    private record Arrival(long atMs, boolean telemetry, WireMessage message) {}

    private final List<Arrival> arrivals = new ArrayList<>();
    private final Random random;
    private final Fault fault;
    private long schedulerIdleUntilMs = Long.MIN_VALUE;
    private long telemetryIdleUntilMs = Long.MIN_VALUE;
    private long firstMs = Long.MAX_VALUE;
    private long lastMs = Long.MIN_VALUE;

    private Deliveries(Fault fault, long seed) {
        this.fault = fault;
        this.random = new Random(seed);
    }

    static Deliveries of(Inputs inputs, Fault fault, long seed) {
        Deliveries deliveries = new Deliveries(fault, seed);
        deliveries.plan(inputs);
        return deliveries;
    }

    /** The records of one source by time of observation, which is their position. */
    static List<WireMessage> records(Inputs inputs, boolean telemetry) {
        List<Observed> ordered = new ArrayList<>(observed(inputs));
        ordered.removeIf(record -> record.telemetry() != telemetry);
        ordered.sort(Comparator.comparingLong(Observed::atMs));
        List<WireMessage> messages = new ArrayList<>();
        for (Observed record : ordered) {
            messages.add(new WireMessage(bytes(record.value()), "topic", 0, record.atMs()));
        }
        return messages;
    }

    /** As a backfill reads: everything, then the end of time. */
    static void atOnce(Inputs inputs, LiveRun run) throws Exception {
        for (Observed record : observed(inputs)) {
            WireMessage message = new WireMessage(bytes(record.value()), "file", 0, 0);
            if (record.telemetry()) {
                run.telemetry(message);
            } else {
                run.scheduler(message);
            }
        }
        run.schedulerWatermark(Long.MAX_VALUE);
        run.telemetryWatermark(Long.MAX_VALUE);
        run.deliverAll();
    }

    private record Observed(long atMs, boolean telemetry, ByteBuffer value) {}

    private static List<Observed> observed(Inputs inputs) {
        List<Observed> all = new ArrayList<>();
        try {
            for (var r : inputs.jobs()) {
                all.add(new Observed(r.getObservedAtMs(), false, r.toByteBuffer()));
            }
            for (var r : inputs.hosts()) {
                all.add(new Observed(r.getObservedAtMs(), false, r.toByteBuffer()));
            }
            for (var r : inputs.heartbeats()) {
                all.add(new Observed(r.getObservedAtMs(), false, r.toByteBuffer()));
            }
            for (var r : inputs.scrapes()) {
                all.add(new Observed(r.getObservedAtMs(), true, r.toByteBuffer()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a record does not encode", e);
        }
        return all;
    }

    private void plan(Inputs inputs) {
        List<Observed> all = observed(inputs);
        for (Observed record : all) {
            firstMs = Math.min(firstMs, record.atMs());
            lastMs = Math.max(lastMs, record.atMs());
        }
        long from = firstMs;
        long heldFrom = from + random.nextLong(lastMs - from + 1);
        long heldTo = heldFrom + (1 + random.nextInt(8)) * MINUTE_MS;
        boolean heldTelemetry = random.nextBoolean();
        long overMs = lastMs + MINUTE_MS;
        for (Observed record : all) {
            long at = record.atMs();
            long late = 0;
            boolean held = record.telemetry() == heldTelemetry && heldFrom <= at && at < heldTo;
            switch (fault) {
                case IN_ORDER, DUPLICATED -> {}
                case JITTER -> late = random.nextLong(OUT_OF_ORDER_MS);
                case SHUFFLED -> late = random.nextLong(LATE_MS);
                case WITHHELD -> late = held ? heldTo + LATE_MS / 2 - at : 0;
                case TELEMETRY_LATE -> late = record.telemetry() ? overMs - at : 0;
                case SCHEDULER_LATE -> late = record.telemetry() ? 0 : overMs - at;
                case ALL ->
                        late =
                                held
                                        ? heldTo + LATE_MS / 2 - at
                                        : random.nextInt(4) == 0 ? random.nextLong(LATE_MS) : 0;
            }
            arrive(at + late, record);
            boolean again = fault == Fault.DUPLICATED || fault == Fault.ALL;
            if (again && random.nextInt(3) == 0) {
                arrive(at + late + (random.nextBoolean() ? 0 : random.nextLong(LATE_MS)), record);
            }
        }
        if (fault == Fault.TELEMETRY_LATE) {
            telemetryIdleUntilMs = overMs;
        } else if (fault == Fault.SCHEDULER_LATE) {
            schedulerIdleUntilMs = overMs;
        }
        Collections.shuffle(arrivals, random);
        arrivals.sort(Comparator.comparingLong(Arrival::atMs));
    }

    private void arrive(long atMs, Observed record) {
        WireMessage message =
                new WireMessage(
                        bytes(record.value()),
                        record.telemetry() ? "gpu-telemetry" : "job-snapshots",
                        0,
                        arrivals.size());
        message.timestampMs = atMs;
        arrivals.add(new Arrival(atMs, record.telemetry(), message));
    }

    /** How far a run has read, and what time it was then. */
    record Position(long nowMs, int next) {}

    /** A run, how far it has read, and the time up to which it was told all. */
    record Progress(LiveRun run, Position at, long watermarkMs) {
        /** Another run that has read as far as this one had at an earlier time. */
        Progress back(LiveRun other, Position to) {
            return new Progress(other, to, Long.MIN_VALUE);
        }
    }

    /** Something done between two steps of time. */
    interface Between {
        /** Gives what to go on with: the same, or another run that has read less. */
        Progress at(Progress progress) throws Exception;
    }

    /** All of it, in steps of up to a minute; then time goes on until nothing more can change. */
    LiveRun into(LiveRun run) throws Exception {
        return into(run, same -> same);
    }

    LiveRun into(LiveRun first, Between between) throws Exception {
        Progress progress = new Progress(first, new Position(firstMs, 0), Long.MIN_VALUE);
        long clockMs = firstMs;
        while (progress.at().nowMs() < lastArrivalMs() + REST_MS) {
            LiveRun run = progress.run();
            long now = progress.at().nowMs();
            int next = progress.at().next();
            // The clock of the machines does not go back when a run reads again.
            clockMs = Math.max(clockMs + 1_000, now);
            run.clock(clockMs);
            next = readUntil(now, next, run);
            if (now >= schedulerIdleUntilMs) {
                run.schedulerWatermark(now - OUT_OF_ORDER_MS - 1);
            } else {
                run.schedulerIdle();
            }
            run.deliverSome(20);
            if (now >= telemetryIdleUntilMs) {
                run.telemetryWatermark(now - OUT_OF_ORDER_MS - 1);
            } else {
                run.telemetryIdle();
            }
            if (random.nextInt(3) == 0 || next == arrivals.size()) {
                run.deliverAll();
            }
            progress = between.at(new Progress(run, new Position(now + step(next), next), now));
        }
        progress.run().deliverAll();
        return progress.run();
    }

    private int readUntil(long nowMs, int from, LiveRun run) throws Exception {
        int next = from;
        while (next < arrivals.size() && arrivals.get(next).atMs() <= nowMs) {
            Arrival arrival = arrivals.get(next++);
            if (arrival.telemetry()) {
                run.telemetry(arrival.message());
            } else {
                run.scheduler(arrival.message());
            }
            run.deliverSome(3);
        }
        return next;
    }

    private long lastArrivalMs() {
        return arrivals.isEmpty() ? 0 : arrivals.get(arrivals.size() - 1).atMs();
    }

    private long step(int next) {
        return next < arrivals.size() ? 1_000 + random.nextLong(MINUTE_MS) : 5 * MINUTE_MS;
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }
}
