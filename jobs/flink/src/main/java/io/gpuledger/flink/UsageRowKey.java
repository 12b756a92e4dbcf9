package io.gpuledger.flink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/** What identifies an encoded usage row, read back from its bytes. */
record UsageRowKey(
        String cluster,
        String host,
        int gpuIndex,
        String unplacedRun,
        long windowStartS,
        long existsMs,
        long inputDigest) {

    /** Reads the beginning of what {@link RowBinary#usage} wrote. */
    static UsageRowKey of(byte[] row) {
        ByteBuffer in = ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
        String cluster = string(in);
        String host = string(in);
        int gpuIndex = in.getShort();
        String unplacedRun = string(in);
        long windowStartS = Integer.toUnsignedLong(in.getInt());
        long existsMs = in.getLong();
        string(in); // UUID
        string(in); // model
        return new UsageRowKey(
                cluster, host, gpuIndex, unplacedRun, windowStartS, existsMs, in.getLong());
    }

    private static String string(ByteBuffer in) {
        byte[] text = new byte[RowBinary.readLength(in)];
        in.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    /** For the person who looks into the dead letters. */
    String describe() {
        return "host '%s', gpu_index %d%s, window %s"
                .formatted(
                        host,
                        gpuIndex,
                        unplacedRun.isEmpty() ? "" : ", run " + unplacedRun,
                        Instant.ofEpochSecond(windowStartS));
    }
}
