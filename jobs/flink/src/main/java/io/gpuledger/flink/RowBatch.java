package io.gpuledger.flink;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.util.Arrays;

/** Encoded rows of one table, one after the other, that can be taken apart again. */
final class RowBatch {
    /** The bytes, open to whoever reads a part of them without a copy. */
    private static final class Bytes extends ByteArrayOutputStream {
        Bytes() {
            super(1 << 20);
        }

        InputStream part(int from, int to) {
            return new ByteArrayInputStream(buf, from, to - from);
        }

        byte[] copy(int from, int to) {
            return Arrays.copyOfRange(buf, from, to);
        }
    }

    private final Bytes bytes = new Bytes();
    private int[] ends = new int[1024];
    private int rows;

    void add(byte[] row) {
        bytes.write(row, 0, row.length);
        if (rows == ends.length) {
            ends = Arrays.copyOf(ends, rows * 2);
        }
        ends[rows++] = bytes.size();
    }

    int rows() {
        return rows;
    }

    int size() {
        return bytes.size();
    }

    /** The bytes of the rows from one, included, to another, excluded. */
    InputStream part(int from, int to) {
        return bytes.part(begin(from), begin(to));
    }

    byte[] row(int index) {
        return bytes.copy(begin(index), ends[index]);
    }

    void clear() {
        bytes.reset();
        rows = 0;
    }

    private int begin(int row) {
        return row == 0 ? 0 : ends[row - 1];
    }
}
