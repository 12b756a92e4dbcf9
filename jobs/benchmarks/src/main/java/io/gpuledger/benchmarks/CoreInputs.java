package io.gpuledger.benchmarks;

import io.gpuledger.attribution.ScrapeDecoder;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.JobSnapshot;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.run.RunAssembly;
import io.gpuledger.core.run.SchedulerView;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Attribution;
import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.HostFacts;
import io.gpuledger.core.usage.HostRun;
import io.gpuledger.core.usage.HostTimeline;
import io.gpuledger.core.usage.ReadingRules;
import io.gpuledger.core.usage.SampleSeries;
import io.gpuledger.core.usage.SlotReadings;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.flink.records.SnapshotConversion;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What {@link CoreBenchmark} works on; the same on any day. */
final class CoreInputs {
    static final int SCRAPES = 64;

    private static final int HOST = 3;
    private static final int GPUS = SimulatedCluster.GPUS_PER_HOST;
    private static final int GPUS_PER_JOB = 2;
    private static final int POLLS = 8;
    private static final long WINDOW_MS = 60_000;

    /** An hour into the life of the host; the second half of it is measured. */
    private static final Span WINDOW =
            new Span(
                    SimulatedCluster.START_MS + 60 * WINDOW_MS,
                    SimulatedCluster.START_MS + 61 * WINDOW_MS);

    private static final Charge CHARGE = new Charge("grant", 1000);

    private final RecordLimits limits = new RecordLimits(false);
    private final ScrapeDecoder decoder = new ScrapeDecoder(limits);
    private final byte[][] scrapes = new byte[SCRAPES][];
    private final HostFacts facts;
    private final HostFacts factsOfDays;
    private final Map<Integer, SlotReadings> readings;
    private final List<JobSnapshot> snapshots;
    private final UsageRow row;

    CoreInputs(int intervalS) {
        List<SimulatedJob> jobs = jobs();
        SimulatedCluster cluster =
                new SimulatedCluster(
                        1,
                        HOST + 1,
                        Duration.ofHours(2),
                        Duration.ofSeconds(intervalS),
                        Duration.ofMinutes(5));
        Readings shown = new Readings(cluster, HOST, jobs);
        try {
            encode(shown, intervalS);
            facts = facts(jobs);
            List<SimulatedJob> all = new ArrayList<>(jobs);
            all.addAll(past());
            factsOfDays = facts(all);
            readings = readings(shown, intervalS * 1000L);
            snapshots = snapshots(jobs.get(0));
        } catch (IOException e) {
            throw new UncheckedIOException("an input does not encode", e);
        }
        row = attribute().get(0);
    }

    List<UsageRow> attribute() {
        return Attribution.attribute(facts, readings, WINDOW, (subject, at) -> CHARGE);
    }

    List<UsageRow> attributeAfterDays() {
        return Attribution.attribute(factsOfDays, readings, WINDOW, (subject, at) -> CHARGE);
    }

    List<Run> merge() {
        return RunAssembly.assemble(SimulatedCluster.NAME, 1, snapshots, SchedulerView.NONE);
    }

    ScrapeDecoder decoder() {
        return decoder;
    }

    RecordLimits limits() {
        return limits;
    }

    byte[] scrape(int i) {
        return scrapes[i];
    }

    UsageRow row() {
        return row;
    }

    /** The first one ends within the window, so that its slots have two holders in it. */
    private static List<SimulatedJob> jobs() {
        List<SimulatedJob> jobs = new ArrayList<>();
        for (int first = 0; first < GPUS; first += GPUS_PER_JOB) {
            jobs.add(
                    new SimulatedJob(
                            jobs.size() + 1L,
                            HOST,
                            first,
                            GPUS_PER_JOB,
                            SimulatedCluster.START_MS + 1000,
                            WINDOW.endMs() + (first == 0 ? -20_000 : 3_600_000),
                            "g01",
                            "u001"));
        }
        return jobs;
    }

    /** Two days of jobs of 28 minutes. */
    private static List<SimulatedJob> past() {
        List<SimulatedJob> jobs = new ArrayList<>();
        for (long start = -48 * 60; start < 0; start += 30) {
            for (int first = 0; first < GPUS; first += GPUS_PER_JOB) {
                long startMs = SimulatedCluster.START_MS + start * WINDOW_MS;
                jobs.add(
                        new SimulatedJob(
                                1_000L + jobs.size(),
                                HOST,
                                first,
                                GPUS_PER_JOB,
                                startMs,
                                startMs + 28 * WINDOW_MS,
                                "g01",
                                "u001"));
            }
        }
        return jobs;
    }

    private void encode(Readings shown, int intervalS) throws IOException {
        ScrapeEncoder encoder = new ScrapeEncoder(SimulatedCluster.host(HOST), intervalS * 1000);
        for (int i = 0; i < SCRAPES; i++) {
            shown.scrape(SimulatedCluster.START_MS + 1000L * i * intervalS, intervalS * 1000L);
            scrapes[i] = encoder.encode(shown);
        }
    }

    private static HostFacts facts(List<SimulatedJob> jobs) throws IOException {
        HostSnapshotRecord host =
                HostSnapshotRecord.getDecoder()
                        .decode(SchedulerRecords.host(HOST, SimulatedCluster.START_MS));
        HostTimeline timeline =
                HostTimeline.of(
                        List.of(
                                SnapshotConversion.inventory(
                                        host, SimulatedCluster.START_MS, "first"),
                                SnapshotConversion.inventory(host, WINDOW.endMs(), "last")),
                        2 * (WINDOW.endMs() - SimulatedCluster.START_MS));
        return HostFacts.of(
                SimulatedCluster.NAME,
                SimulatedCluster.host(HOST),
                timeline,
                jobs.stream().map(CoreInputs::run).toList(),
                List.of(),
                Map.of(),
                List.of(new Span(SimulatedCluster.START_MS, WINDOW.endMs())));
    }

    private static HostRun run(SimulatedJob job) {
        List<Holding> holdings = new ArrayList<>();
        for (int gpu = job.firstGpu(); gpu < job.firstGpu() + job.gpus(); gpu++) {
            holdings.add(
                    new Holding(
                            SimulatedCluster.host(HOST),
                            gpu,
                            "h100",
                            0,
                            1,
                            job.startMs(),
                            job.endMs()));
        }
        return new HostRun(
                "%s/%d/%d".formatted(SimulatedCluster.NAME, job.id(), job.startMs() / 1000),
                Long.toString(job.id()),
                job.account(),
                job.user(),
                "defq",
                "normal",
                "COMPLETED",
                job.startMs(),
                job.endMs(),
                Long.MAX_VALUE,
                0,
                holdings,
                List.of(),
                0);
    }

    /** Samples of the hour before the window and of the window itself. */
    private static Map<Integer, SlotReadings> readings(Readings shown, long intervalMs) {
        Map<Integer, SampleSeries> series = new TreeMap<>();
        long[] values = new long[SampleSeries.FIELDS];
        for (long at = SimulatedCluster.START_MS; at < WINDOW.endMs() + 1; at += intervalMs) {
            shown.scrape(at, intervalMs);
            for (int gpu = 0; gpu < GPUS; gpu++) {
                for (int field = 0; field < values.length; field++) {
                    values[field] = shown.value(gpu, field);
                }
                series.computeIfAbsent(gpu, g -> new SampleSeries())
                        .add(at, intervalMs * 3 / 2, shown.uuid(gpu), values, 0);
            }
        }
        Map<Integer, SlotReadings> readings = new TreeMap<>();
        series.forEach(
                (gpu, samples) ->
                        readings.put(
                                gpu,
                                SlotReadings.of(
                                        new TreeMap<>(
                                                Map.of(-1, new SlotReadings.Series(1, 1, samples))),
                                        ReadingRules.STANDARD)));
        return readings;
    }

    /** Polls that each say something else, the last poll, and its row in the accounting. */
    private static List<JobSnapshot> snapshots(SimulatedJob job) throws IOException {
        List<JobSnapshot> all = new ArrayList<>();
        for (int poll = 0; poll < POLLS; poll++) {
            JobSnapshotRecord record =
                    decode(SchedulerRecords.running(job, job.startMs() + poll * WINDOW_MS));
            record.setName("train-" + poll);
            all.add(snapshot(record));
        }
        all.add(snapshot(decode(SchedulerRecords.running(job, job.endMs() - 1000))));
        all.add(snapshot(decode(SchedulerRecords.ended(job, job.endMs() + WINDOW_MS))));
        return all;
    }

    private static JobSnapshotRecord decode(ByteBuffer bytes) throws IOException {
        return JobSnapshotRecord.getDecoder().decode(bytes);
    }

    private static JobSnapshot snapshot(JobSnapshotRecord record) throws IOException {
        byte[] content = SnapshotConversion.content(record);
        return SnapshotConversion.jobSnapshot(
                content,
                record.getObservedAtMs(),
                record.getObservedAtMs(),
                SnapshotConversion.digest(content));
    }
}
