package io.gpuledger.collectors.file;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Unpacked gzip data, one member or more, up to the end of the file. The JDK takes bytes after the
 * last member for nothing; here they are a file that was not written or copied whole.
 */
final class WholeGzip extends GZIPInputStream {
    /** Checksum and length. */
    private static final int TRAILER = 8;

    private final Counting packed;
    private long filledTo;

    private WholeGzip(Counting packed, int buffer) throws IOException {
        super(packed, buffer);
        this.packed = packed;
    }

    static WholeGzip of(InputStream packed, int buffer) throws IOException {
        return new WholeGzip(new Counting(packed), buffer);
    }

    @Override
    protected void fill() throws IOException {
        super.fill();
        filledTo = packed.count;
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
        int n = super.read(bytes, from, length);
        if (n < 0) {
            refuseRest();
        }
        return n;
    }

    private void refuseRest() throws IOException {
        long end = filledTo - inf.getRemaining() + TRAILER;
        packed.transferTo(OutputStream.nullOutputStream());
        if (packed.count != end) {
            throw new ZipException("%d bytes follow its end".formatted(packed.count - end));
        }
    }

    /** How much was taken. */
    private static final class Counting extends FilterInputStream {
        private long count;

        Counting(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            count += b < 0 ? 0 : 1;
            return b;
        }

        @Override
        public int read(byte[] bytes, int from, int length) throws IOException {
            int n = super.read(bytes, from, length);
            count += Math.max(0, n);
            return n;
        }

        @Override
        public long skip(long n) throws IOException {
            long skipped = super.skip(n);
            count += skipped;
            return skipped;
        }
    }
}
