package io.gpuledger.attribution;

import org.apache.flink.api.common.typeinfo.TypeInfo;

/** Some consecutive samples of all series of a host, see {@link SamplePacking}. It is state. */
public final class SampleChunk {
    @TypeInfo(SharedArray.Factory.class)
    public byte[] packed = new byte[0];
}
