package io.gpuledger.benchmarks;

import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/**
 * A sink as it is, that notes when each minute row was first acknowledged by ClickHouse. Static,
 * because Flink's functions are copies that know nobody.
 */
final class VisibleRows implements Sink<SinkRow> {
    private static final long serialVersionUID = 1L;

    private record Key(ByteBuffer slot, long windowMs) {
        boolean isIn(long fromMs, long toMs) {
            return fromMs <= windowMs && windowMs < toMs;
        }
    }

    private static final Map<Key, Long> VISIBLE_MS = new ConcurrentHashMap<>();

    @SuppressWarnings("serial") // every Sink is Serializable
    private final Sink<SinkRow> sink;

    VisibleRows(Sink<SinkRow> sink) {
        this.sink = sink;
    }

    static void reset() {
        VISIBLE_MS.clear();
    }

    /** How many there are of the windows that begin from one instant to another. */
    static long count(long fromMs, long toMs) {
        return VISIBLE_MS.keySet().stream().filter(key -> key.isIn(fromMs, toMs)).count();
    }

    /** Of the windows that begin from one instant to another, sorted; milliseconds. */
    static long[] latencies(long fromMs, long toMs) {
        return VISIBLE_MS.entrySet().stream()
                .filter(e -> e.getKey().isIn(fromMs, toMs))
                .mapToLong(e -> e.getValue() - e.getKey().windowMs() - LiveFeed.WINDOW_MS)
                .sorted()
                .toArray();
    }

    @Override
    public SinkWriter<SinkRow> createWriter(WriterInitContext context) throws IOException {
        return new Writer(sink.createWriter(context), new ArrayList<>());
    }

    @SuppressWarnings("try") // close throws what the sink's own does
    private record Writer(SinkWriter<SinkRow> writer, List<Key> pending)
            implements SinkWriter<SinkRow> {
        @Override
        public void write(SinkRow row, Context context) throws IOException, InterruptedException {
            writer.write(row, context);
            if (row.table.equals(SinkTable.USAGE_MINUTE.name())) {
                pending.add(key(row.row));
            }
        }

        @Override
        public void flush(boolean endOfInput) throws IOException, InterruptedException {
            writer.flush(endOfInput);
            long now = System.currentTimeMillis();
            pending.forEach(key -> VISIBLE_MS.putIfAbsent(key, now));
            pending.clear();
        }

        @Override
        public void close() throws Exception {
            writer.close();
        }
    }

    /** A row begins with cluster, host, GPU index, unplaced run and window. */
    private static Key key(byte[] row) {
        ByteBuffer in = ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
        skipString(in);
        skipString(in);
        in.getShort();
        skipString(in);
        int end = in.position();
        return new Key(
                ByteBuffer.wrap(row, 0, end).slice(), Integer.toUnsignedLong(in.getInt()) * 1000);
    }

    private static void skipString(ByteBuffer in) {
        int size = 0;
        int shift = 0;
        byte next = in.get();
        while (next < 0) {
            size |= (next & 0x7f) << shift;
            shift += 7;
            next = in.get();
        }
        in.position(in.position() + (size | next << shift));
    }
}
