package io.gpuledger.attribution;

import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.DeadLetterRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.StringJoiner;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/** Decodes records by the schema fingerprint they carry; what does not decode is a dead letter. */
public final class RecordRouter extends ProcessFunction<WireMessage, JobInput> {
    public static final OutputTag<HostInput> HOSTS =
            new OutputTag<>("host-inputs", TypeInformation.of(HostInput.class));
    public static final OutputTag<HeartbeatInput> HEARTBEATS =
            new OutputTag<>("heartbeats", TypeInformation.of(HeartbeatInput.class));
    public static final OutputTag<SinkRow> ROWS =
            new OutputTag<>("router-rows", TypeInformation.of(SinkRow.class));

    private static final long serialVersionUID = 1L;
    private static final int HEADER = 10;
    private static final int PAYLOAD_BYTES = 2048;

    private static final long SCRAPE = fingerprint(HostScrapeRecord.getClassSchema());
    private static final long JOB = fingerprint(JobSnapshotRecord.getClassSchema());
    private static final long HOST = fingerprint(HostSnapshotRecord.getClassSchema());
    private static final long HEARTBEAT = fingerprint(SchedulerHeartbeatRecord.getClassSchema());

    private final AttributionSettings settings;

    public RecordRouter(AttributionSettings settings) {
        this.settings = settings;
    }

    private static long fingerprint(Schema schema) {
        return SchemaNormalization.parsingFingerprint64(schema);
    }

    @Override
    public void processElement(WireMessage message, Context context, Collector<JobInput> out)
            throws Exception {
        try {
            route(message.value, context, out);
        } catch (IOException | AvroRuntimeException | IndexOutOfBoundsException e) {
            deadLetter(message, "UNREADABLE", String.valueOf(e.getMessage()), context);
        }
    }

    private void route(byte[] value, Context context, Collector<JobInput> out) throws IOException {
        if (value.length < HEADER) {
            throw new IOException(
                    "record of %d bytes has no single-object header".formatted(value.length));
        }
        long fingerprint = ByteBuffer.wrap(value, 2, 8).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (fingerprint == SCRAPE) {
            context.output(
                    HOSTS, WireConversion.samples(HostScrapeRecord.getDecoder().decode(value)));
        } else if (fingerprint == JOB) {
            out.collect(WireConversion.jobInput(JobSnapshotRecord.getDecoder().decode(value)));
        } else if (fingerprint == HEARTBEAT) {
            context.output(
                    HEARTBEATS,
                    WireConversion.heartbeat(SchedulerHeartbeatRecord.getDecoder().decode(value)));
        } else if (fingerprint == HOST) {
            HostSnapshotRecord host = HostSnapshotRecord.getDecoder().decode(value);
            HostInput inventory = WireConversion.inventory(host);
            context.output(HOSTS, inventory);
            context.output(ROWS, new SinkRow(SinkTable.HOSTS, hostRow(host, inventory)));
        } else {
            throw new IOException(
                    "no schema has the fingerprint %016x: the writer is newer than this job"
                            .formatted(fingerprint));
        }
    }

    private static byte[] hostRow(HostSnapshotRecord host, HostInput inventory) {
        StringJoiner gres = new StringJoiner(",");
        for (ConfiguredGresRecord g : host.getGres()) {
            String type = g.getGresType().isEmpty() ? "" : ":" + g.getGresType();
            gres.add(g.getKind() + type + ":" + g.getCount());
        }
        return RowBinary.host(
                host.getCluster(),
                host.getHost(),
                host.getObservedAtMs(),
                host.getStates(),
                inventory.inventoryGpus,
                gres.toString(),
                host.getObservedAtMs());
    }

    private void deadLetter(WireMessage message, String reason, String detail, Context context) {
        DeadLetterRecord letter =
                DeadLetterRecord.newBuilder()
                        .setRecordedAtMs(context.timerService().currentProcessingTime())
                        .setReason(reason)
                        .setDetail(detail)
                        .setSource(message.source)
                        .setPartition(message.partition)
                        .setPosition(message.position)
                        .setPayload(
                                HexFormat.of()
                                        .formatHex(
                                                message.value,
                                                0,
                                                Math.min(PAYLOAD_BYTES, message.value.length)))
                        .build();
        context.output(
                ROWS,
                new SinkRow(
                        SinkTable.DEAD_LETTERS,
                        RowBinary.deadLetter(letter, settings.inputDigest())));
    }
}
