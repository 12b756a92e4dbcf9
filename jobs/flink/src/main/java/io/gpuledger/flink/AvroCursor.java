package io.gpuledger.flink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Walks over a record in Avro's single-object encoding without making objects of it: zigzag
 * varints, strings with their length before them. What goes beyond the bytes breaks it, and from
 * then on it reads zeros: asked once at the end, it tells.
 */
public final class AvroCursor {
    /** Marker and fingerprint. */
    public static final int HEADER = 10;

    private final byte[] bytes;
    private int at;
    private boolean broken;

    public AvroCursor(byte[] bytes) {
        this.bytes = bytes;
    }

    /** The fingerprint of the schema in the header, 0 where there is no header. */
    static long fingerprint(byte[] bytes) {
        if (bytes.length < HEADER || bytes[0] != (byte) 0xc3 || bytes[1] != 1) {
            return 0;
        }
        return ByteBuffer.wrap(bytes, 2, Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    public void skipHeader() {
        skip(HEADER);
    }

    public void skipString() {
        skip(readLong());
    }

    /** Empty where there is none. */
    public String readString() {
        long length = readLong();
        int start = at;
        skip(length);
        return new String(bytes, start, at - start, StandardCharsets.UTF_8);
    }

    private void skip(long length) {
        if (length < 0 || length > bytes.length - at) {
            broken = true;
        } else {
            at += (int) length;
        }
    }

    /** Goes over these very bytes; stays where it is when others are there. */
    public boolean skip(byte[] expected) {
        int end = at + expected.length;
        if (end > bytes.length || !Arrays.equals(bytes, at, end, expected, 0, expected.length)) {
            return false;
        }
        at = end;
        return true;
    }

    /** An int or a long; 0 where there is none. */
    public long readLong() {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE && at < bytes.length; shift += 7) {
            byte b = bytes[at++];
            value |= (b & 0x7fL) << shift;
            if (b >= 0) {
                return (value >>> 1) ^ -(value & 1);
            }
        }
        broken = true;
        return 0;
    }

    public int at() {
        return at;
    }

    /** A copy of what was walked over since. */
    public byte[] from(int start) {
        return Arrays.copyOfRange(bytes, start, at);
    }

    /** All was there, and nothing is left. */
    public boolean isAtEnd() {
        return !broken && at == bytes.length;
    }

    public boolean isBroken() {
        return broken;
    }
}
