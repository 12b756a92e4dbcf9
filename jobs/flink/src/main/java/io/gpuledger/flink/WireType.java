package io.gpuledger.flink;

import io.gpuledger.schemas.ReleasedSchemas;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
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

    /** Every released schema; so few, and asked so often, that a map would be slower. */
    private static final long[] FINGERPRINTS;

    private static final WireType[] TYPES;

    static {
        Map<Long, WireType> byFingerprint = new LinkedHashMap<>();
        for (WireType type : values()) {
            for (Schema version : ReleasedSchemas.of(type.record)) {
                byFingerprint.put(SchemaNormalization.parsingFingerprint64(version), type);
            }
        }
        FINGERPRINTS = byFingerprint.keySet().stream().mapToLong(Long::longValue).toArray();
        TYPES = byFingerprint.values().toArray(new WireType[0]);
    }

    private final String record;
    private final Second second;

    WireType(String record, Second second) {
        this.record = record;
        this.second = second;
    }

    /** The type, or null for what is no record or one of a schema this release does not know. */
    public static @Nullable WireType of(byte[] value) {
        long fingerprint = AvroCursor.fingerprint(value);
        for (int i = 0; i < FINGERPRINTS.length; i++) {
            if (FINGERPRINTS[i] == fingerprint) {
                return TYPES[i];
            }
        }
        return null;
    }

    /** What every record of a schema begins with: Avro's marker and the schema's fingerprint. */
    public static byte[] header(Schema schema) {
        return ByteBuffer.allocate(AvroCursor.HEADER)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) 0xc3)
                .put((byte) 1)
                .putLong(SchemaNormalization.parsingFingerprint64(schema))
                .array();
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
        AvroCursor cursor = new AvroCursor(value);
        cursor.skipHeader();
        cursor.skipString();
        if (type.second == Second.STRING) {
            cursor.skipString();
        } else if (type.second == Second.LONG) {
            cursor.readLong();
        }
        long at = cursor.readLong();
        return cursor.isBroken() ? NO_TIME : at;
    }
}
