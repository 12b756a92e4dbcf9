package io.gpuledger.collectors.file;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Numbered lines of UTF-8 text. Bytes that are no UTF-8 become the replacement character, for one
 * bad job name must not cost the file; of a line without end only its beginning is kept, for it
 * must not cost the memory.
 */
public final class Lines {
    /** A job of ten thousand nodes, each shown with its own cores and cards, fits. */
    public static final int LIMIT = 1 << 22;

    private static final int BUFFER = 1 << 14;
    private static final char BYTE_ORDER_MARK = '\uFEFF';

    private final Reader in;
    private final char[] buffer = new char[BUFFER];
    private final StringBuilder begun = new StringBuilder();
    private int at;
    private int end;
    private long number;
    private boolean cut;

    public Lines(InputStream in) {
        this.in = reader(in);
    }

    /** Decodes without failing. */
    public static Reader reader(InputStream in) {
        return new InputStreamReader(in, StandardCharsets.UTF_8);
    }

    /** The next line without its end, or null at the end. */
    public @Nullable String next() throws IOException {
        if (at == end && !fill()) {
            return null;
        }
        cut = false;
        begun.setLength(0);
        number++;
        while (true) {
            int i = at;
            while (i < end && buffer[i] != '\n') {
                i++;
            }
            if (i < end) {
                String line = line(i);
                at = i + 1;
                return line;
            }
            keep(end);
            if (!fill()) {
                return line(at);
            }
        }
    }

    /** Of the line that {@link #next} gave last; the first is 1. */
    public long number() {
        return number;
    }

    /** The last line was longer than {@link #LIMIT}; its rest is lost. */
    public boolean cut() {
        return cut;
    }

    private String line(int to) {
        if (begun.length() == 0 && to - at <= LIMIT) {
            return trimmed(new String(buffer, at, to - at));
        }
        keep(to);
        return trimmed(begun.toString());
    }

    private String trimmed(String line) {
        int from = number == 1 && !line.isEmpty() && line.charAt(0) == BYTE_ORDER_MARK ? 1 : 0;
        int to = line.length();
        if (to > from && line.charAt(to - 1) == '\r') {
            to--;
        }
        return line.substring(from, to);
    }

    private void keep(int to) {
        int room = Math.min(to - at, LIMIT - begun.length());
        begun.append(buffer, at, room);
        cut |= room < to - at;
        at = to;
    }

    private boolean fill() throws IOException {
        at = 0;
        end = Math.max(0, in.read(buffer));
        return end > 0;
    }
}
