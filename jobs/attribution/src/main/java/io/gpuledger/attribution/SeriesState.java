package io.gpuledger.attribution;

import io.gpuledger.core.usage.SampleSeries;
import java.util.Arrays;

/** One GPU of a host, or one MIG instance of it, as telemetry knows it. Flat: it is state. */
public final class SeriesState {
    public int gpuIndex;
    public int instance = -1;

    /** Compute slices of the instance and of its card; 1 of 1 for a whole card. */
    public int slices = 1;

    public int slicesPerGpu = 1;

    /** When it was last said. */
    public long slicesAtMs = Long.MIN_VALUE;

    /** UUIDs seen at this position, with their models and times. */
    public String[] cards = new String[0];

    public String[] models = new String[0];
    public long[] cardFirstMs = new long[0];
    public long[] cardLastMs = new long[0];

    /** Time of the first and last value of each field, {@link SampleSeries#FIELDS} of them. */
    public long[] fieldFirstMs = filled(Long.MAX_VALUE);

    public long[] fieldLastMs = filled(Long.MIN_VALUE);

    private static long[] filled(long value) {
        long[] values = new long[SampleSeries.FIELDS];
        Arrays.fill(values, value);
        return values;
    }

    /** Number of the card, a new one when it was not seen before. */
    int card(String uuid, String model, long atMs) {
        for (int i = 0; i < cards.length; i++) {
            if (cards[i].equals(uuid)) {
                cardFirstMs[i] = Math.min(cardFirstMs[i], atMs);
                cardLastMs[i] = Math.max(cardLastMs[i], atMs);
                // Of two models for one UUID the greater name wins, whatever came first.
                models[i] = models[i].compareTo(model) >= 0 ? models[i] : model;
                return i;
            }
        }
        int added = cards.length;
        cards = Arrays.copyOf(cards, added + 1);
        models = Arrays.copyOf(models, added + 1);
        cardFirstMs = Arrays.copyOf(cardFirstMs, added + 1);
        cardLastMs = Arrays.copyOf(cardLastMs, added + 1);
        cards[added] = uuid;
        models[added] = model;
        cardFirstMs[added] = atMs;
        cardLastMs[added] = atMs;
        return added;
    }

    /** Number of a card that was seen. */
    int number(String uuid) {
        for (int i = cards.length - 1; i >= 0; i--) {
            if (cards[i].equals(uuid)) {
                return i;
            }
        }
        throw new IllegalArgumentException("card '%s' was never seen here".formatted(uuid));
    }

    /** Time of the earliest value, {@link Long#MAX_VALUE} when there is none. */
    long firstMs() {
        return Arrays.stream(fieldFirstMs).min().orElse(Long.MAX_VALUE);
    }

    /** Time of the latest value, {@link Long#MIN_VALUE} when there is none. */
    long lastMs() {
        return lastMs(Long.MIN_VALUE);
    }

    long lastMs(long atLeast) {
        return Math.max(atLeast, Arrays.stream(fieldLastMs).max().orElse(Long.MIN_VALUE));
    }

    /** Whether another part of the card is said than before, and counts. */
    boolean differsInSlices(int said, int saidPerGpu, long atMs) {
        return countsNow(said, saidPerGpu, atMs)
                && slicesAtMs != Long.MIN_VALUE
                && (said != slices || saidPerGpu != slicesPerGpu);
    }

    /** What was said last counts, and the greater of two said at once: order must not. */
    void slicesOf(int said, int saidPerGpu, long atMs) {
        if (countsNow(said, saidPerGpu, atMs)) {
            slices = said;
            slicesPerGpu = saidPerGpu;
            slicesAtMs = atMs;
        }
    }

    private boolean countsNow(int said, int saidPerGpu, long atMs) {
        boolean greater = said > slices || (said == slices && saidPerGpu > slicesPerGpu);
        return said > 0 && (atMs > slicesAtMs || (atMs == slicesAtMs && greater));
    }

    /** The same card under this or another index, or another part of it. */
    boolean isOfCard(int otherIndex, String uuid) {
        return gpuIndex == otherIndex || (!uuid.isEmpty() && Arrays.asList(cards).contains(uuid));
    }

    /** Whether a card has been called this from an instant on. */
    boolean isCalled(String uuid, String model, long atMs) {
        for (int i = 0; i < cards.length; i++) {
            if (cards[i].equals(uuid)) {
                return cardFirstMs[i] <= atMs && models[i].compareTo(model) >= 0;
            }
        }
        return false;
    }
}
