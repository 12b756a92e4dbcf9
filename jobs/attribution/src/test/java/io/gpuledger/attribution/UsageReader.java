package io.gpuledger.attribution;

import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.UsageRow;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Reads back what {@code RowBinary} wrote, independently of it. */
final class UsageReader {
    private final ByteBuffer in;

    private UsageReader(byte[] row) {
        in = ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A row as stored. */
    record Stored(UsageRow row, long inputDigest, long revision) {
        /** What identifies it within its table. */
        String key() {
            return "%s/%s/%d/%s/%d"
                    .formatted(
                            row.cluster(),
                            row.host(),
                            row.gpuIndex(),
                            row.unplacedRun(),
                            row.windowStartMs());
        }
    }

    /**
     * A row of {@code usage_minute} or {@code usage_hour}; it throws if its buckets do not close.
     */
    static Stored read(byte[] row) {
        return new UsageReader(row).read();
    }

    private Stored read() {
        String cluster = string();
        String host = string();
        int gpuIndex = in.getShort();
        String unplacedRun = string();
        long windowStartMs = Integer.toUnsignedLong(in.getInt()) * 1_000;
        long existsMs = in.getLong();
        String uuid = string();
        String model = string();
        long inputDigest = in.getLong();
        long revision = in.getLong();
        List<String> bucket = strings();
        List<String> runId = strings();
        List<String> jobId = strings();
        List<String> account = strings();
        List<String> user = strings();
        List<String> partition = strings();
        List<String> qos = strings();
        List<String> grantId = strings();
        List<Long> instance = numbers(2);
        List<Long> gpuMs = numbers(8);
        List<Long> charged = numbers(8);
        List<Long> covered = numbers(8);
        List<Long> active = numbers(8);
        List<Long> smActive = numbers(8);
        List<Long> tensorActive = numbers(8);
        List<Long> dramActive = numbers(8);
        List<Long> memory = numbers(8);
        List<Long> energy = numbers(8);
        List<Long> heldIdle = numbers(8);
        List<Long> flags = numbers(4);
        if (in.hasRemaining()) {
            throw new IllegalStateException("%d bytes left in the row".formatted(in.remaining()));
        }
        List<UsageRow.Holder> holders = new ArrayList<>();
        for (int i = 0; i < bucket.size(); i++) {
            holders.add(
                    new UsageRow.Holder(
                            Bucket.valueOf(bucket.get(i)),
                            runId.get(i),
                            jobId.get(i),
                            account.get(i),
                            user.get(i),
                            partition.get(i),
                            qos.get(i),
                            grantId.get(i),
                            Math.toIntExact(instance.get(i)),
                            gpuMs.get(i),
                            charged.get(i),
                            covered.get(i),
                            active.get(i),
                            smActive.get(i),
                            tensorActive.get(i),
                            dramActive.get(i),
                            memory.get(i),
                            energy.get(i),
                            heldIdle.get(i),
                            Math.toIntExact(flags.get(i))));
        }
        UsageRow row =
                new UsageRow(
                        cluster,
                        host,
                        gpuIndex,
                        unplacedRun,
                        windowStartMs,
                        existsMs,
                        uuid,
                        model,
                        holders);
        return new Stored(row, inputDigest, revision);
    }

    private int length() {
        int value = 0;
        for (int shift = 0; ; shift += 7) {
            byte b = in.get();
            value |= (b & 0x7f) << shift;
            if (b >= 0) {
                return value;
            }
        }
    }

    private String string() {
        byte[] bytes = new byte[length()];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private List<String> strings() {
        List<String> values = new ArrayList<>();
        int n = length();
        for (int i = 0; i < n; i++) {
            values.add(string());
        }
        return values;
    }

    private List<Long> numbers(int bytes) {
        List<Long> values = new ArrayList<>();
        int n = length();
        for (int i = 0; i < n; i++) {
            values.add(
                    switch (bytes) {
                        case 2 -> (long) in.getShort();
                        case 4 -> (long) in.getInt();
                        default -> in.getLong();
                    });
        }
        return values;
    }
}
