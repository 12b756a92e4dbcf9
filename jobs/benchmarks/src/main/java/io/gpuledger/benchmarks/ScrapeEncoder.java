package io.gpuledger.benchmarks;

import io.gpuledger.schemas.HostScrapeRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/**
 * Encodes scrapes of one host as {@link HostScrapeRecord}s in single-object encoding, field by
 * field: building records first would take longer than what is measured with them.
 */
final class ScrapeEncoder {
    /** DCGM fields that the ledger uses, in the order of {@link Readings#values}. */
    static final int[] FIELDS = {1001, 203, 1002, 1004, 1005, 252, 156, 155};

    private static final String MODEL = "NVIDIA H100 80GB HBM3";
    private static final byte[] HEADER =
            ByteBuffer.allocate(10)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .put((byte) 0xc3)
                    .put((byte) 1)
                    .putLong(
                            SchemaNormalization.parsingFingerprint64(
                                    HostScrapeRecord.getClassSchema()))
                    .array();

    private final String host;
    private final int intervalMs;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(2048);
    private final BinaryEncoder avro = EncoderFactory.get().directBinaryEncoder(out, null);

    ScrapeEncoder(String host, int intervalMs) {
        this.host = host;
        this.intervalMs = intervalMs;
    }

    static String uuid(String host, int gpu) {
        return "GPU-%08x-0000-4000-8000-%012x".formatted(host.hashCode(), gpu);
    }

    byte[] encode(Readings readings) throws IOException {
        out.reset();
        out.write(HEADER);
        avro.writeString(SimulatedCluster.NAME);
        avro.writeString(host);
        avro.writeLong(readings.atMs());
        avro.writeInt(intervalMs);
        avro.writeString("http://" + host + ":9400/metrics");
        avro.writeArrayStart();
        avro.setItemCount(FIELDS.length);
        for (int field : FIELDS) {
            avro.writeInt(field);
        }
        avro.writeArrayEnd();
        avro.writeArrayStart();
        avro.setItemCount(SimulatedCluster.GPUS_PER_HOST);
        for (int gpu = 0; gpu < SimulatedCluster.GPUS_PER_HOST; gpu++) {
            encode(gpu, readings);
        }
        avro.writeArrayEnd();
        avro.flush();
        return out.toByteArray();
    }

    private void encode(int gpu, Readings readings) throws IOException {
        avro.writeInt(gpu);
        avro.writeInt(-1); // the whole GPU
        avro.writeString(readings.uuid(gpu));
        avro.writeString(MODEL);
        avro.writeString(""); // no MIG profile
        avro.writeString(""); // no job label
        avro.writeArrayStart();
        avro.setItemCount(FIELDS.length);
        for (int field = 0; field < FIELDS.length; field++) {
            avro.writeIndex(1);
            avro.writeLong(readings.value(gpu, field));
        }
        avro.writeArrayEnd();
    }
}
