package io.gpuledger.attribution;

import java.util.Arrays;

/** The samples of one host in one hour, {@link Samples#WIDTH} numbers each. Flat: it is state. */
public final class SampleHour {
    public long[] data = new long[0];
    public int length;

    /** Makes room for one more sample and gives its place. */
    int append() {
        if (length + Samples.WIDTH > data.length) {
            data = Arrays.copyOf(data, Math.max(Samples.WIDTH * 16, data.length * 2));
        }
        int at = length;
        length += Samples.WIDTH;
        return at;
    }
}
