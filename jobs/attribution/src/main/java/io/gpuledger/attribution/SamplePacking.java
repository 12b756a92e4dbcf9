package io.gpuledger.attribution;

import io.gpuledger.core.usage.SampleSeries;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Samples as bytes. Columns one by one, each value as its difference from the one before it, times
 * as the difference of differences; zeros are counted. A GPU that is scraped at an even pace costs
 * its energy, its power and what else changes.
 *
 * <p>{@code 1, series, (id, samples, 11 x column)...}, all numbers zigzag varints; in a column a
 * zero is followed by how many more of them there are.
 */
final class SamplePacking {
    private static final int VERSION = 1;

    /** Of a sample; the buffer grows when there are more. */
    private static final int EXPECTED_BYTES = 20;

    private SamplePacking() {}

    /**
     * Packs what each series has in {@code [fromMs, toMs)}.
     *
     * @param series samples by the number of their series
     * @param states gives the numbers of the cards
     */
    static byte[] pack(
            Map<Integer, SampleSeries> series,
            Map<Integer, SeriesState> states,
            long fromMs,
            long toMs) {
        int samplesInAll = series.values().stream().mapToInt(SampleSeries::size).sum();
        Out out = new Out(samplesInAll * EXPECTED_BYTES);
        out.number(VERSION);
        out.number(series.size());
        series.forEach(
                (id, samples) -> {
                    int from = samples.firstFrom(fromMs);
                    int n = samples.firstFrom(toMs) - from;
                    SeriesState state = state(states, id);
                    out.number(id);
                    out.number(n);
                    long[] column = new long[n];
                    long last = 0;
                    for (int i = 0; i < n; i++) {
                        column[i] = samples.atMs(from + i) - last;
                        last = samples.atMs(from + i);
                    }
                    out.column(column);
                    for (int i = 0; i < n; i++) {
                        column[i] = samples.coverMs(from + i);
                    }
                    out.column(column);
                    for (int i = 0; i < n; i++) {
                        column[i] = state.number(samples.card(from + i));
                    }
                    out.column(column);
                    for (int f = 0; f < SampleSeries.FIELDS; f++) {
                        for (int i = 0; i < n; i++) {
                            column[i] = samples.value(from + i, f);
                        }
                        out.column(column);
                    }
                });
        return out.toByteArray();
    }

    /** The samples by the number of their series. */
    static Map<Integer, SampleSeries> unpack(byte[] packed, Map<Integer, SeriesState> states) {
        In in = new In(packed);
        long version = in.number();
        if (version != VERSION) {
            throw new IllegalStateException(
                    "samples packed by version %d of a newer release; this one reads version %d"
                            .formatted(version, VERSION));
        }
        Map<Integer, SampleSeries> all = new TreeMap<>();
        for (long left = in.number(); left > 0; left--) {
            int id = (int) in.number();
            int n = (int) in.number();
            long[][] columns = new long[3 + SampleSeries.FIELDS][];
            for (int c = 0; c < columns.length; c++) {
                columns[c] = in.column(n);
            }
            SampleSeries samples = new SampleSeries(n);
            String[] cards = state(states, id).cards;
            long[] values = new long[SampleSeries.FIELDS];
            long at = 0;
            for (int i = 0; i < n; i++) {
                at += columns[0][i];
                for (int f = 0; f < SampleSeries.FIELDS; f++) {
                    values[f] = columns[3 + f][i];
                }
                samples.add(at, columns[1][i], cards[(int) columns[2][i]], values, 0);
            }
            all.put(id, samples);
        }
        return all;
    }

    static SeriesState state(Map<Integer, SeriesState> states, int id) {
        return Objects.requireNonNull(states.get(id), "samples are only of series that are known");
    }

    private static final class Out {
        private static final int LONGEST_NUMBER = 10;

        private byte[] bytes;
        private int length;

        Out(int expected) {
            bytes = new byte[Math.max(64, expected)];
        }

        void number(long value) {
            makeRoom(1);
            length = put(bytes, length, value);
        }

        private void makeRoom(int numbers) {
            int needed = length + numbers * LONGEST_NUMBER;
            if (needed > bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, needed));
            }
        }

        /** Gives the place after it. */
        private static int put(byte[] into, int at, long value) {
            long rest = (value << 1) ^ (value >> 63);
            while ((rest & ~0x7fL) != 0) {
                into[at++] = (byte) (rest | 0x80);
                rest >>>= 7;
            }
            into[at++] = (byte) rest;
            return at;
        }

        byte[] toByteArray() {
            return Arrays.copyOf(bytes, length);
        }

        /** Makes room once, for whatever the values are. */
        void column(long[] values) {
            makeRoom(2 * values.length);
            byte[] into = bytes;
            int at = length;
            long last = 0;
            for (int i = 0; i < values.length; i++) {
                long step = values[i] - last;
                last = values[i];
                at = put(into, at, step);
                if (step == 0) {
                    int more = i + 1;
                    while (more < values.length && values[more] == last) {
                        more++;
                    }
                    at = put(into, at, more - i - 1L);
                    i = more - 1;
                }
            }
            length = at;
        }
    }

    private static final class In {
        private final byte[] bytes;
        private int at;

        In(byte[] bytes) {
            this.bytes = bytes;
        }

        long number() {
            long value = 0;
            for (int shift = 0; ; shift += 7) {
                byte b = bytes[at++];
                value |= (b & 0x7fL) << shift;
                if (b >= 0) {
                    return (value >>> 1) ^ -(value & 1);
                }
            }
        }

        long[] column(int length) {
            long[] values = new long[length];
            long last = 0;
            for (int i = 0; i < length; i++) {
                long step = number();
                last += step;
                values[i] = last;
                if (step == 0) {
                    int more = (int) number();
                    Arrays.fill(values, i + 1, i + 1 + more, last);
                    i += more;
                }
            }
            return values;
        }
    }
}
