package io.gpuledger.attribution;

/** Some consecutive samples of all series of a host, see {@link SamplePacking}. It is state. */
public final class SampleChunk {
    public byte[] packed = new byte[0];
}
