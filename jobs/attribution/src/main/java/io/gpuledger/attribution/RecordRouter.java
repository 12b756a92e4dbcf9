package io.gpuledger.attribution;

import io.gpuledger.flink.JobSnapshotRow;
import io.gpuledger.flink.KafkaWireSource;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.flink.WireType;
import io.gpuledger.flink.records.RecordDecoder;
import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.flink.records.RefusedRecordException;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.time.Instant;
import java.util.EnumSet;
import java.util.StringJoiner;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.metrics.Counter;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/**
 * Decodes records of any released schema by the fingerprint they carry; of scrapes only whose they
 * are ({@link ScrapeReader} does the rest). What does not decode, cannot be true, comes from the
 * future or from before the correction horizon is a dead letter.
 */
public final class RecordRouter extends ProcessFunction<WireMessage, JobInput> {
    public static final OutputTag<HostInput> HOSTS =
            new OutputTag<>("host-inputs", TypeInformation.of(HostInput.class));
    public static final OutputTag<HeartbeatInput> HEARTBEATS =
            new OutputTag<>("heartbeats", TypeInformation.of(HeartbeatInput.class));
    public static final OutputTag<SinkRow> ROWS =
            new OutputTag<>("router-rows", TypeInformation.of(SinkRow.class));

    private static final long serialVersionUID = 1L;

    private final AttributionSettings settings;
    private final EnumSet<WireType> expected;

    private transient RecordLimits limits;
    private transient ScrapeHeads scrapes;
    private transient RecordDecoder<JobSnapshotRecord> jobs;
    private transient RepeatedJobs repeated;
    private transient WrittenSnapshots written;
    private transient RecordDecoder<HostSnapshotRecord> hosts;
    private transient RecordDecoder<SchedulerHeartbeatRecord> heartbeats;
    private transient Counter read;
    private transient Counter deadLettered;
    private transient Counter heartbeatsUsed;

    private RecordRouter(AttributionSettings settings, EnumSet<WireType> expected) {
        this.settings = settings;
        this.expected = expected;
    }

    /** Of what the scheduler's collectors write. What belongs among telemetry is used as well. */
    static RecordRouter ofScheduler(AttributionSettings settings) {
        return new RecordRouter(settings, EnumSet.allOf(WireType.class));
    }

    /** Of what the exporters' collectors write. Nobody hears a heartbeat from there. */
    static RecordRouter ofTelemetry(AttributionSettings settings) {
        return new RecordRouter(
                settings, EnumSet.complementOf(EnumSet.of(WireType.SCHEDULER_HEARTBEAT)));
    }

    @Override
    public void open(OpenContext context) {
        limits = new RecordLimits(settings.isBackfill());
        scrapes = new ScrapeHeads(limits);
        repeated = new RepeatedJobs();
        written = new WrittenSnapshots();
        jobs =
                new RecordDecoder<>(
                        WireType.JOB_SNAPSHOT,
                        JobSnapshotRecord.class,
                        JobSnapshotRecord.getClassSchema());
        hosts =
                new RecordDecoder<>(
                        WireType.HOST_SNAPSHOT,
                        HostSnapshotRecord.class,
                        HostSnapshotRecord.getClassSchema());
        heartbeats =
                new RecordDecoder<>(
                        WireType.SCHEDULER_HEARTBEAT,
                        SchedulerHeartbeatRecord.class,
                        SchedulerHeartbeatRecord.getClassSchema());
        read = getRuntimeContext().getMetricGroup().counter("recordsRead");
        deadLettered = getRuntimeContext().getMetricGroup().counter("recordsDeadLettered");
        heartbeatsUsed = getRuntimeContext().getMetricGroup().counter("recordsUsed");
    }

    @Override
    public void processElement(WireMessage message, Context context, Collector<JobInput> out)
            throws Exception {
        read.inc();
        WireType type = WireType.of(message.value);
        if (type == null) {
            deadLetter(
                    message,
                    "UNREADABLE",
                    "%d bytes that begin with no known schema's header; was it written by a newer release?"
                            .formatted(message.value.length),
                    context);
            return;
        }
        if (!expected.contains(type)) {
            deadLetter(
                    message,
                    "UNREADABLE",
                    "a %s, where only %s belong; it was written to the wrong topic"
                            .formatted(type, expected),
                    context);
            return;
        }
        long observedAt = WireType.observedAtMs(message.value);
        if (KafkaWireSource.isFuture(observedAt, message, settings.futureMs())) {
            deadLetter(
                    message,
                    "FUTURE",
                    "observed at %s, but Kafka got it at %s: check the clock of its host"
                            .formatted(
                                    Instant.ofEpochMilli(observedAt),
                                    Instant.ofEpochMilli(message.timestampMs)),
                    context);
            return;
        }
        try {
            route(type, message, context, out);
        } catch (RefusedRecordException e) {
            deadLetter(message, e.reason(), e.detail(), context);
        }
    }

    private void route(WireType type, WireMessage message, Context context, Collector<JobInput> out)
            throws IOException, RefusedRecordException {
        byte[] value = message.value;
        switch (type) {
            case HOST_SCRAPE -> {
                HostInput input = scrapes.of(value).readAt(message);
                if (isOpen(input.observedAtMs, message, context)) {
                    context.output(HOSTS, input);
                }
            }
            case JOB_SNAPSHOT -> {
                JobInput input = repeated.again(value);
                if (input == null) {
                    JobSnapshotRecord job = jobs.decode(value);
                    limits.check(job);
                    input = WireConversion.jobInput(job);
                    repeated.remember(value, job, input);
                }
                if (isOpen(input.latestMs, message, context)) {
                    out.collect(input);
                    if (written.isDue(input)) {
                        context.output(ROWS, snapshotRow(message, input));
                    }
                }
            }
            case SCHEDULER_HEARTBEAT -> {
                SchedulerHeartbeatRecord heartbeat = heartbeats.decode(value);
                limits.check(heartbeat);
                HeartbeatInput input = WireConversion.heartbeat(heartbeat);
                if (isOpen(input.observedAtMs, message, context)) {
                    context.output(HEARTBEATS, input);
                    heartbeatsUsed.inc();
                }
            }
            case HOST_SNAPSHOT -> {
                HostSnapshotRecord host = hosts.decode(value);
                limits.check(host);
                HostInput input = WireConversion.inventoryInput(host).readAt(message);
                // A configuration holds from its date on, however long ago that was.
                if (input.configures || isOpen(input.observedAtMs, message, context)) {
                    context.output(HOSTS, input);
                    context.output(ROWS, new SinkRow(SinkTable.HOSTS, hostRow(host)));
                }
            }
        }
    }

    /** What concerns only closed hours is too late for this job; a backfill can still use it. */
    private boolean isOpen(long latestMs, WireMessage message, Context context) {
        long changeable = settings.changeableFromMs(context.timerService().currentWatermark());
        if (latestMs >= changeable) {
            return true;
        }
        deadLetter(
                message,
                "BEYOND_HORIZON",
                "concerns the time up to %s, hours before %s are closed; backfill them"
                        .formatted(
                                Instant.ofEpochMilli(latestMs), Instant.ofEpochMilli(changeable)),
                context);
        return false;
    }

    private SinkRow snapshotRow(WireMessage message, JobInput input) throws RefusedRecordException {
        JobSnapshotRecord said = jobs.decode(message.value);
        return new JobSnapshotRow(
                        input.cluster,
                        input.rawJobId,
                        input.lastObservedMs,
                        input.contentKey,
                        said.getSource().name(),
                        said.getState(),
                        said.getStartMs(),
                        said.getEndMs(),
                        message.source,
                        message.partition,
                        message.position,
                        settings.inputDigest(),
                        message.value)
                .toSinkRow();
    }

    private static byte[] hostRow(HostSnapshotRecord host) {
        StringJoiner gres = new StringJoiner(",");
        int gpus = 0;
        for (ConfiguredGresRecord g : host.getGres()) {
            String type = g.getGresType().isEmpty() ? "" : ":" + g.getGresType();
            gres.add(g.getKind() + type + ":" + g.getCount());
            gpus += g.getKind().equals("gpu") ? g.getCount() : 0;
        }
        return RowBinary.host(
                host.getCluster(),
                host.getHost(),
                host.getObservedAtMs(),
                host.getStates(),
                gpus,
                gres.toString(),
                host.getObservedAtMs());
    }

    private void deadLetter(WireMessage message, String reason, String detail, Context context) {
        deadLettered.inc();
        context.output(
                ROWS,
                DeadLetters.ofRecord(
                        reason,
                        detail,
                        message,
                        context.timerService().currentProcessingTime(),
                        settings));
    }
}
