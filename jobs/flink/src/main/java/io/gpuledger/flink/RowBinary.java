package io.gpuledger.flink;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.schemas.DeadLetterRecord;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Encodes rows as ClickHouse's RowBinary: little-endian numbers, strings with a LEB128 length. */
public final class RowBinary {
    private byte[] bytes = new byte[512];
    private int length;

    RowBinary() {}

    /**
     * A row of {@code usage_minute} or {@code usage_hour} without what {@link #stamp} writes: its
     * content, by which two versions of it are compared.
     */
    public static byte[] usage(UsageRow row) {
        RowBinary b = new RowBinary();
        b.string(row.cluster());
        b.string(row.host());
        b.number(row.gpuIndex(), 2);
        b.string(row.unplacedRun());
        b.number(Math.floorDiv(row.windowStartMs(), 1000L), 4);
        b.number(row.existsMs(), 8);
        b.string(row.gpuUuid());
        b.string(row.gpuModel());
        b.number(0, 8); // input digest
        b.number(0, 8); // revision
        List<UsageRow.Holder> holders = row.holders();
        b.strings(holders, h -> h.bucket().name());
        b.strings(holders, UsageRow.Holder::runId);
        b.strings(holders, UsageRow.Holder::jobId);
        b.strings(holders, UsageRow.Holder::account);
        b.strings(holders, UsageRow.Holder::user);
        b.strings(holders, UsageRow.Holder::partition);
        b.strings(holders, UsageRow.Holder::qos);
        b.strings(holders, UsageRow.Holder::grantId);
        b.numbers(holders, UsageRow.Holder::instance, 2);
        b.longs(holders, UsageRow.Holder::gpuMs);
        b.longs(holders, UsageRow.Holder::chargedGpuUs);
        b.longs(holders, UsageRow.Holder::coveredMs);
        b.longs(holders, UsageRow.Holder::activeGpuUs);
        b.longs(holders, UsageRow.Holder::smActiveGpuUs);
        b.longs(holders, UsageRow.Holder::tensorActiveGpuUs);
        b.longs(holders, UsageRow.Holder::dramActiveGpuUs);
        b.longs(holders, UsageRow.Holder::memoryMibMs);
        b.longs(holders, UsageRow.Holder::energyMj);
        b.longs(holders, UsageRow.Holder::heldIdleMs);
        b.numbers(holders, UsageRow.Holder::flags, 4);
        return Arrays.copyOf(b.bytes, b.length);
    }

    /** Writes into a row of {@link #usage} which inputs it comes from and which version it is. */
    public static void stamp(byte[] row, long inputDigest, long revision) {
        ByteBuffer in = ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
        skipString(in); // cluster
        skipString(in); // host
        in.getShort(); // GPU index
        skipString(in); // unplaced run
        in.getInt(); // window
        in.getLong(); // existence
        skipString(in); // UUID
        skipString(in); // model
        in.putLong(inputDigest).putLong(revision);
    }

    private static void skipString(ByteBuffer in) {
        int size = readLength(in);
        in.position(in.position() + size);
    }

    /** The length before a string. */
    static int readLength(ByteBuffer in) {
        int size = 0;
        int shift = 0;
        byte next = in.get();
        while (next < 0) {
            size |= (next & 0x7f) << shift;
            shift += 7;
            next = in.get();
        }
        return size | next << shift;
    }

    /** A row of {@code runs}; {@code withdrawn}: the run turned out not to be one. */
    public static byte[] run(
            String cluster, Run run, boolean withdrawn, long inputDigest, long revision) {
        RowBinary b = new RowBinary();
        b.string(cluster);
        b.string(run.runId());
        b.number(run.rawJobId(), 8);
        b.string(run.jobId());
        b.string(run.account());
        b.string(run.user());
        b.string(run.partition());
        b.string(run.qos());
        b.string(run.name());
        b.string(run.state());
        b.nullable(run.submitMs());
        b.number(run.startMs(), 8);
        b.nullable(run.isOpen() ? null : run.heldEndMs());
        b.number(run.flags(), 4);
        b.number(run.gpuCount(), 4);
        b.longs(run.scheduled(), Run.ScheduledSpan::startMs);
        b.longs(run.scheduled(), Run.ScheduledSpan::endMs);
        b.numbers(run.scheduled(), Run.ScheduledSpan::gpus, 4);
        b.strings(gpuTypes(run), type -> type);
        b.octet(withdrawn ? 1 : 0);
        b.number(inputDigest, 8);
        b.number(revision, 8);
        return Arrays.copyOf(b.bytes, b.length);
    }

    private static List<String> gpuTypes(Run run) {
        return run.holdings().stream()
                .map(Holding::gresType)
                .filter(type -> !type.isEmpty())
                .distinct()
                .sorted()
                .toList();
    }

    /** A row of {@code dead_letters}. */
    public static byte[] deadLetter(DeadLetterRecord letter, long inputDigest) {
        RowBinary b = new RowBinary();
        b.string(letter.getCluster());
        b.number(letter.getRecordedAtMs(), 8);
        b.string(letter.getReason());
        b.string(letter.getDetail());
        b.string(letter.getSource());
        b.number(letter.getPartition(), 4);
        b.number(letter.getPosition(), 8);
        b.string(letter.getPayload());
        b.number(inputDigest, 8);
        return Arrays.copyOf(b.bytes, b.length);
    }

    /**
     * A row of {@code gpu_errors}.
     *
     * @param isNew it was seen to appear
     * @param read the scrape, and where it was read
     */
    public static byte[] gpuError(
            String cluster,
            String host,
            int gpuIndex,
            int instance,
            String uuid,
            long observedAtMs,
            long xid,
            boolean isNew,
            WireMessage read,
            long inputDigest) {
        RowBinary b = new RowBinary();
        b.string(cluster);
        b.string(host);
        b.number(gpuIndex, 2);
        b.number(instance, 2);
        b.string(uuid);
        b.number(observedAtMs, 8);
        b.number(xid, 8);
        b.octet(isNew ? 1 : 0);
        b.string(read.source);
        b.number(read.partition, 4);
        b.number(read.position, 8);
        b.number(inputDigest, 8);
        return Arrays.copyOf(b.bytes, b.length);
    }

    /** A row of {@code hosts}. */
    public static byte[] host(
            String cluster,
            String host,
            long observedAtMs,
            List<String> states,
            int gpuCount,
            String gres,
            long revision) {
        RowBinary b = new RowBinary();
        b.string(cluster);
        b.string(host);
        b.number(observedAtMs, 8);
        b.strings(states, s -> s);
        b.number(gpuCount, 4);
        b.string(gres);
        b.number(revision, 8);
        return Arrays.copyOf(b.bytes, b.length);
    }

    byte[] row() {
        return Arrays.copyOf(bytes, length);
    }

    void string(String value) {
        octets(value.getBytes(StandardCharsets.UTF_8));
    }

    void octets(byte[] value) {
        length(value.length);
        makeRoom(value.length);
        System.arraycopy(value, 0, bytes, length, value.length);
        length += value.length;
    }

    /** An Int64 after whether it is absent. */
    void nullable(@Nullable Long value) {
        octet(value == null ? 1 : 0);
        if (value != null) {
            number(value, 8);
        }
    }

    private void length(int count) {
        int rest = count;
        while (rest >= 0x80) {
            octet((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        octet(rest);
    }

    void octet(int value) {
        makeRoom(1);
        bytes[length++] = (byte) value;
    }

    void number(long value, int size) {
        makeRoom(size);
        for (int i = 0; i < size; i++) {
            bytes[length++] = (byte) (value >>> (8 * i));
        }
    }

    private void makeRoom(int more) {
        if (length + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * (length + more));
        }
    }

    interface StringOf<T> {
        String of(T item);
    }

    <T> void strings(List<T> items, StringOf<T> value) {
        length(items.size());
        for (T item : items) {
            string(value.of(item));
        }
    }

    <T> void longs(List<T> items, ToLongFunction<T> value) {
        length(items.size());
        for (T item : items) {
            number(value.applyAsLong(item), 8);
        }
    }

    private <T> void numbers(List<T> items, ToIntFunction<T> value, int bytes) {
        length(items.size());
        for (T item : items) {
            number(value.applyAsInt(item), bytes);
        }
    }
}
