package io.gpuledger.attribution;

import io.gpuledger.core.usage.GpuSample;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;

/** The samples of one GPU as one array: {@link #WIDTH} numbers each, in order of arrival. */
public final class SampleBlock {
    /** at, cover, active, sm, tensor, dram, memory, energy, power. */
    public static final int WIDTH = 9;

    public long[] data = new long[0];
    public int length;

    void append(long[] source, int from) {
        if (length + WIDTH > data.length) {
            data = Arrays.copyOf(data, Math.max(WIDTH * 64, data.length * 2));
        }
        System.arraycopy(source, from, data, length, WIDTH);
        length += WIDTH;
    }

    /** Sorted by time; samples of one instant merged. */
    List<GpuSample> sorted() {
        TreeMap<Long, GpuSample> byTime = new TreeMap<>();
        for (int i = 0; i < length; i += WIDTH) {
            GpuSample sample =
                    new GpuSample(
                            data[i],
                            data[i + 1],
                            data[i + 2],
                            data[i + 3],
                            data[i + 4],
                            data[i + 5],
                            data[i + 6],
                            data[i + 7],
                            data[i + 8]);
            byTime.merge(sample.atMs(), sample, GpuSample::merge);
        }
        return new ArrayList<>(byTime.values());
    }

    /**
     * Forgets what is older; the last older sample stays, the next one's cover and energy start
     * there.
     */
    void dropBefore(long instantMs) {
        long keepFrom = Long.MIN_VALUE;
        for (int i = 0; i < length; i += WIDTH) {
            if (data[i] < instantMs) {
                keepFrom = Math.max(keepFrom, data[i]);
            }
        }
        int kept = 0;
        for (int i = 0; i < length; i += WIDTH) {
            if (data[i] >= keepFrom) {
                System.arraycopy(data, i, data, kept, WIDTH);
                kept += WIDTH;
            }
        }
        length = kept;
    }
}
