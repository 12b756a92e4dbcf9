package io.gpuledger.core.usage;

import java.util.Arrays;
import java.util.List;

/**
 * The samples of one position, a GPU or a MIG instance, sorted by time and one per instant. They
 * are rows of numbers in one array: a GPU scraped each second gives millions, and an object for
 * each would cost more than all that is computed from them. Grows at its end; a late sample is
 * moved to its place.
 */
public final class SampleSeries {
    /** Columns of a sample's values: DCGM field 1001, GR_ENGINE_ACTIVE, in millionths. */
    public static final int ENGINE = 0;

    /** Field 203, GPU_UTIL, in millionths. */
    public static final int UTIL = 1;

    /** Field 1002, in millionths. */
    public static final int SM = 2;

    /** Field 1004, in millionths. */
    public static final int TENSOR = 3;

    /** Field 1005, in millionths. */
    public static final int DRAM = 4;

    /** Field 252, memory used in MiB. */
    public static final int MEMORY = 5;

    /** Field 156, the energy counter in millijoules. */
    public static final int ENERGY = 6;

    /** Field 155, in milliwatts. */
    public static final int POWER = 7;

    /** Values of a sample. */
    public static final int FIELDS = 8;

    /** What {@link #value} and a caller of {@link #add} say where the exporter gave no value. */
    public static final long ABSENT = -1;

    private static final int COVER = 1;
    private static final int CARD = 2;
    private static final int VALUES = 3;
    private static final int WIDTH = VALUES + FIELDS;

    private static final int MUCH_ROOM = 1024 * WIDTH;

    private long[] data;
    private int size;

    /** UUIDs by the number that stands in the rows; the first is the one without a name. */
    private String[] cards = {""};

    private boolean hasUnnamed;

    public SampleSeries() {
        this(16);
    }

    public SampleSeries(int capacity) {
        data = new long[capacity * WIDTH];
    }

    public int size() {
        return size;
    }

    public boolean isEmpty() {
        return size == 0;
    }

    /** The instant of a sample, UTC epoch milliseconds. */
    public long atMs(int i) {
        return data[i * WIDTH];
    }

    /** How far back a sample may speak at most, in milliseconds. */
    public long coverMs(int i) {
        return data[i * WIDTH + COVER];
    }

    /** The GPU's UUID, empty where the exporter names none. */
    public String card(int i) {
        return cards[(int) data[i * WIDTH + CARD]];
    }

    /** Names that samples of this series had, also some that are forgotten. */
    List<String> cards() {
        return List.of(cards);
    }

    boolean isSameCard(int i, int j) {
        return data[i * WIDTH + CARD] == data[j * WIDTH + CARD];
    }

    /** A value, {@link #ABSENT} where the exporter gave none. */
    public long value(int i, int field) {
        return data[i * WIDTH + VALUES + field];
    }

    /** How active the GPU was, in millionths: the finer field where there is one. */
    long activePpm(int i) {
        long engine = value(i, ENGINE);
        return engine >= 0 ? engine : value(i, UTIL);
    }

    /** Position of the first sample at or after an instant. */
    public int firstFrom(long instantMs) {
        if (size > 0 && atMs(size - 1) < instantMs) {
            return size;
        }
        int lo = 0;
        int hi = size;
        while (lo < hi) {
            int mid = (lo + hi) >>> 1;
            if (atMs(mid) >= instantMs) {
                hi = mid;
            } else {
                lo = mid + 1;
            }
        }
        return lo;
    }

    /**
     * Adds a sample; one of an instant that has one is merged with it: union of the values, the
     * greater one winning. A sample without a UUID is one of the card that is there; of two cards
     * at one instant the greater UUID counts.
     *
     * @param values its {@link #FIELDS} values begin at {@code from}
     * @return whether it said anything that was not there
     */
    public boolean add(long atMs, long coverMs, String card, long[] values, int from) {
        int number = number(card);
        int at = size == 0 || atMs > atMs(size - 1) ? size : firstFrom(atMs);
        if (at < size && atMs(at) == atMs) {
            return merge(at, coverMs, number, values, from);
        }
        insert(at);
        int row = at * WIDTH;
        data[row] = atMs;
        data[row + COVER] = coverMs;
        data[row + CARD] = number;
        hasUnnamed |= number == 0;
        System.arraycopy(values, from, data, row + VALUES, FIELDS);
        return true;
    }

    /**
     * Where samples of one card are added that are all later than what is there, in order: what
     * {@link #add} asks of each is asked once.
     */
    public Tail tail(String card) {
        return new Tail(number(card));
    }

    /** The end of a series, for samples of one card. */
    public final class Tail {
        private final int number;

        private Tail(int number) {
            this.number = number;
            hasUnnamed |= number == 0;
        }

        /**
         * Adds a sample later than all others.
         *
         * @param values its {@link #FIELDS} values begin at {@code from}
         */
        public void add(long atMs, long coverMs, long[] values, int from) {
            makeRoom(1);
            int row = size++ * WIDTH;
            data[row] = atMs;
            data[row + COVER] = coverMs;
            data[row + CARD] = number;
            System.arraycopy(values, from, data, row + VALUES, FIELDS);
        }
    }

    /** Whether a sample would add nothing; {@link #add} has the parameters. */
    public boolean says(long atMs, long coverMs, String card, long[] values, int from) {
        int i = firstFrom(atMs);
        if (i == size || atMs(i) != atMs) {
            return false;
        }
        String known = card(i);
        if (!known.isEmpty() && !card.isEmpty() && !known.equals(card)) {
            return known.compareTo(card) > 0;
        }
        boolean all = coverMs <= coverMs(i) && (card.isEmpty() || !known.isEmpty());
        for (int f = 0; f < FIELDS; f++) {
            all &= values[from + f] <= value(i, f);
        }
        return all;
    }

    private void insert(int at) {
        makeRoom(1);
        if (at < size) {
            System.arraycopy(data, at * WIDTH, data, (at + 1) * WIDTH, (size - at) * WIDTH);
        }
        size++;
    }

    private void makeRoom(int samples) {
        if ((size + samples) * WIDTH > data.length) {
            data = Arrays.copyOf(data, Math.max(16, Math.max(2 * size, size + samples)) * WIDTH);
        }
    }

    private boolean merge(int at, long coverMs, int number, long[] values, int from) {
        int row = at * WIDTH;
        int known = (int) data[row + CARD];
        if (known != 0 && number != 0 && known != number) {
            if (cards[known].compareTo(cards[number]) > 0) {
                return false;
            }
            data[row + COVER] = coverMs;
            data[row + CARD] = number;
            System.arraycopy(values, from, data, row + VALUES, FIELDS);
            return true;
        }
        boolean changed = greater(row + COVER, coverMs);
        if (known == 0 && number != 0) {
            data[row + CARD] = number;
            changed = true;
        }
        for (int f = 0; f < FIELDS; f++) {
            changed |= greater(row + VALUES + f, values[from + f]);
        }
        return changed;
    }

    private boolean greater(int place, long value) {
        if (value <= data[place]) {
            return false;
        }
        data[place] = value;
        return true;
    }

    private int number(String card) {
        for (int i = cards.length - 1; i >= 0; i--) {
            if (cards[i].equals(card)) {
                return i;
            }
        }
        cards = Arrays.copyOf(cards, cards.length + 1);
        cards[cards.length - 1] = card;
        return cards.length - 1;
    }

    /** Adds samples {@code [from, to)} of another series. */
    public void addAll(SampleSeries other, int from, int to) {
        boolean goesOn = size == 0 || (from < to && other.atMs(from) > atMs(size - 1));
        if (goesOn && (size == 0 || cards == other.cards)) {
            // The numbers of the cards are those of the other series: rows are taken as they are.
            makeRoom(to - from);
            System.arraycopy(other.data, from * WIDTH, data, size * WIDTH, (to - from) * WIDTH);
            size += to - from;
            cards = other.cards;
            hasUnnamed |= other.hasUnnamed;
            return;
        }
        for (int i = from; i < to; i++) {
            int row = i * WIDTH;
            add(other.data[row], other.coverMs(i), other.card(i), other.data, row + VALUES);
        }
    }

    /** Forgets what is before an instant, but for the last value of each field. */
    public void dropBefore(long instantMs) {
        int cut = firstFrom(instantMs);
        int missing = (1 << FIELDS) - 1;
        int[] kept = new int[FIELDS];
        int count = 0;
        for (int i = cut - 1; i >= 0 && missing != 0; i--) {
            if ((missing & fieldsOf(i)) != 0) {
                missing &= ~fieldsOf(i);
                kept[count++] = i;
            }
        }
        for (int k = 0; k < count; k++) {
            int from = kept[count - 1 - k];
            System.arraycopy(data, from * WIDTH, data, k * WIDTH, WIDTH);
        }
        System.arraycopy(data, cut * WIDTH, data, count * WIDTH, (size - cut) * WIDTH);
        size = count + size - cut;
        if (data.length > MUCH_ROOM && data.length > 4 * size * WIDTH) {
            // It was long once, when much was read at once, and must not stay so.
            data = Arrays.copyOf(data, 2 * size * WIDTH);
        }
    }

    /** Which of the fields a sample has, a bit each. */
    public int fieldsOf(int i) {
        int fields = 0;
        for (int f = 0; f < FIELDS; f++) {
            fields |= value(i, f) >= 0 ? 1 << f : 0;
        }
        return fields;
    }

    /**
     * The same without what an exporter repeats on every MIG instance of a card, or only that: its
     * energy and power.
     */
    SampleSeries cardTotals(boolean only) {
        SampleSeries copy = copy();
        for (int i = 0; i < size; i++) {
            for (int f = 0; f < FIELDS; f++) {
                if ((f == ENERGY || f == POWER) != only) {
                    copy.data[i * WIDTH + VALUES + f] = ABSENT;
                }
            }
        }
        return copy;
    }

    /**
     * An exporter without the UUID label means the card that others name before it, else after.
     * Gives this series itself where every sample has a name, or none.
     */
    SampleSeries named() {
        if (!hasUnnamed || cards.length == 1) {
            return this;
        }
        SampleSeries copy = copy();
        int first = 0;
        while (first < size - 1 && isUnnamed(first)) {
            first++;
        }
        long current = size == 0 ? 0 : data[first * WIDTH + CARD];
        for (int i = 0; i < size; i++) {
            current = isUnnamed(i) ? current : data[i * WIDTH + CARD];
            copy.data[i * WIDTH + CARD] = current;
        }
        return copy;
    }

    private boolean isUnnamed(int i) {
        return data[i * WIDTH + CARD] == 0;
    }

    private SampleSeries copy() {
        SampleSeries copy = new SampleSeries(0);
        copy.data = Arrays.copyOf(data, size * WIDTH);
        copy.size = size;
        copy.cards = cards;
        copy.hasUnnamed = hasUnnamed;
        return copy;
    }
}
