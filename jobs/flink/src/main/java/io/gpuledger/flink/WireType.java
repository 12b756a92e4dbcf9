package io.gpuledger.flink;

import io.gpuledger.schemas.ReleasedSchemas;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.jspecify.annotations.Nullable;

/**
 * What a record in single-object encoding is, by the schema fingerprint in its header; any released
 * version. All of them begin with the cluster and a name or number, then the time of observation.
 */
public enum WireType {
    HOST_SCRAPE("HostScrapeRecord", Second.STRING),
    JOB_SNAPSHOT("JobSnapshotRecord", Second.LONG),
    HOST_SNAPSHOT("HostSnapshotRecord", Second.STRING),
    SCHEDULER_HEARTBEAT("SchedulerHeartbeatRecord", Second.NONE);

    /** Where no time of observation can be read. */
    public static final long NO_TIME = Long.MIN_VALUE;

    private enum Second {
        NONE,
        STRING,
        LONG
    }

    private static final int HEADER = 10;
    private static final Map<Long, WireType> BY_FINGERPRINT = new HashMap<>();

    static {
        for (WireType type : values()) {
            for (Schema version : ReleasedSchemas.of(type.record)) {
                BY_FINGERPRINT.put(SchemaNormalization.parsingFingerprint64(version), type);
            }
        }
    }

    private final String record;
    private final Second second;

    WireType(String record, Second second) {
        this.record = record;
        this.second = second;
    }

    /** The type, or null for what is no record or one of a schema this release does not know. */
    public static @Nullable WireType of(byte[] value) {
        if (value.length < HEADER || value[0] != (byte) 0xc3 || value[1] != 1) {
            return null;
        }
        return BY_FINGERPRINT.get(
                ByteBuffer.wrap(value, 2, Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).getLong());
    }

    /**
     * The time of observation without decoding the rest: event time is needed where records enter.
     *
     * @return UTC epoch milliseconds, {@link #NO_TIME} when the record is none or is broken
     */
    public static long observedAtMs(byte[] value) {
        WireType type = of(value);
        if (type == null) {
            return NO_TIME;
        }
        Cursor cursor = new Cursor(value);
        cursor.skipString();
        if (type.second == Second.STRING) {
            cursor.skipString();
        } else if (type.second == Second.LONG) {
            cursor.readLong();
        }
        long at = cursor.readLong();
        return cursor.broken ? NO_TIME : at;
    }

    /** Avro's binary encoding: zigzag varints, strings with their length before them. */
    private static final class Cursor {
        private final byte[] bytes;
        private int at = HEADER;
        private boolean broken;

        Cursor(byte[] bytes) {
            this.bytes = bytes;
        }

        void skipString() {
            long length = readLong();
            if (length < 0 || length > bytes.length - at) {
                broken = true;
            } else {
                at += (int) length;
            }
        }

        long readLong() {
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
    }
}
