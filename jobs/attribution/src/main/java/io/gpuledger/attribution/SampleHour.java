package io.gpuledger.attribution;

/**
 * The samples of one host in one hour as releases before 0015 kept them: {@link #WIDTH} numbers
 * each, namely time, cover, series, card, then the fields. It is state, read and never written.
 */
public final class SampleHour {
    static final int WIDTH = 12;

    public long[] data = new long[0];
    public int length;
}
