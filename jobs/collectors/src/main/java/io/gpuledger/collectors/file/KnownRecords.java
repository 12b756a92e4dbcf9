package io.gpuledger.collectors.file;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.apache.avro.message.MessageEncoder;
import org.apache.avro.specific.SpecificRecordBase;

/**
 * What the files of one call have said so far: a record that says the same again, at the same time
 * of observation, is a duplicate, wherever it was read. Not for several threads.
 *
 * <p>Of each record 127 bits of its SHA-256 are kept, in 18 to 28 bytes; while the table grows, the
 * old one of two thirds its size is there as well. Another record with the same bits would be taken
 * for a duplicate and left out: among a thousand million records the chance of one such pair is 3
 * in 10<sup>21</sup>, less than that of a memory error, and nobody can write a file that has one.
 */
public final class KnownRecords {
    private static final int LONGS = 2; // a slot; its second one is never 0 when taken
    private static final int FIRST_SLOTS = 64;

    /** Of a table of this many longs the JDK still makes an array. */
    private static final int LONGS_LIMIT = Integer.MAX_VALUE - 9;

    private final MessageDigest sha;
    private long[] table = new long[FIRST_SLOTS * LONGS];
    private int size;

    public KnownRecords() {
        try {
            sha = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /**
     * Remembers what a record says; its field {@code origin} tells where it was read and is left
     * out.
     *
     * @return whether nothing said so before
     */
    public <R extends SpecificRecordBase> boolean add(R record, MessageEncoder<R> encoder) {
        sha.update(content(record, encoder));
        ByteBuffer digest = ByteBuffer.wrap(sha.digest());
        if (size >= table.length / LONGS / 8 * 7) { // fuller, searches become long
            grow();
        }
        return put(digest.getLong(), digest.getLong() | 1);
    }

    /** With the name of its schema first, so that no record is taken for one of another kind. */
    private static <R extends SpecificRecordBase> ByteBuffer content(
            R record, MessageEncoder<R> encoder) {
        int origin = record.getSchema().getField("origin").pos();
        Object readAt = record.get(origin);
        record.put(origin, "");
        try {
            return encoder.encode(record);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            record.put(origin, readAt);
        }
    }

    private boolean put(long first, long second) {
        int at = Math.floorMod(first, table.length / LONGS) * LONGS;
        while (table[at + 1] != 0) {
            if (table[at] == first && table[at + 1] == second) {
                return false;
            }
            at = at + LONGS == table.length ? 0 : at + LONGS;
        }
        table[at] = first;
        table[at + 1] = second;
        size++;
        return true;
    }

    /** By half only: doubled, it would need half as much memory again. */
    private void grow() {
        long slots = table.length / LONGS * 3L / 2;
        if (slots * LONGS > LONGS_LIMIT) {
            throw new IllegalStateException(
                    "more than %d records in one call; give the files in several calls"
                            .formatted(size));
        }
        long[] before = table;
        table = new long[(int) slots * LONGS];
        size = 0;
        for (int at = 0; at < before.length; at += LONGS) {
            if (before[at + 1] != 0) {
                put(before[at], before[at + 1]);
            }
        }
    }
}
