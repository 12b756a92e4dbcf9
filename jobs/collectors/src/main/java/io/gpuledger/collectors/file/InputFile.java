package io.gpuledger.collectors.file;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipException;

/** One file of a known format. */
public record InputFile(Path path, InputFormat format) {
    private static final Pattern EPOCH_PREFIX = Pattern.compile("^(\\d{9,11})(?:\\D.*)?$");
    private static final int BUFFER = 1 << 13;

    /** The content, unpacked. */
    public InputStream open() throws InputException {
        return open(path);
    }

    static InputStream open(Path path) throws InputException {
        if (!Files.exists(path)) {
            throw new InputException(path, "no such file; check the path");
        }
        InputStream raw = null;
        try {
            raw = new BufferedInputStream(Files.newInputStream(path), BUFFER);
            raw.mark(2);
            int first = raw.read();
            int second = raw.read();
            raw.reset();
            if (first == 0x1f && second == 0x8b) {
                return new BufferedInputStream(WholeGzip.of(raw, BUFFER), BUFFER);
            }
            return raw;
        } catch (IOException e) {
            closeAfter(raw, e);
            throw unreadable(path, e);
        }
    }

    private static void closeAfter(
            @org.jspecify.annotations.Nullable InputStream in, IOException cause) {
        if (in == null) {
            return;
        }
        try {
            in.close();
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    /** Names what is wrong with the bytes of a file. */
    public static InputException unreadable(Path path, IOException e) {
        if (e instanceof EOFException) {
            return new InputException(
                    path, "gzip data ends in the middle (truncated); copy the file again", e);
        }
        if (e instanceof ZipException) {
            return new InputException(
                    path, "gzip data is damaged (" + e.getMessage() + "); copy the file again", e);
        }
        return new InputException(path, "cannot be read (" + e.getMessage() + "); check it", e);
    }

    /**
     * Reads it to the end, so that a file that cannot be read whole is known before anything is
     * used.
     */
    public void verify() throws InputException {
        byte[] buffer = new byte[BUFFER];
        try (InputStream in = open()) {
            int n = in.read(buffer);
            while (n >= 0) {
                for (int i = 0; i < n; i++) {
                    if (buffer[i] == 0) {
                        throw new InputException(
                                path, "holds binary data (a zero byte); give a text file");
                    }
                }
                n = in.read(buffer);
            }
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /** The epoch-seconds prefix of the file name, in milliseconds. */
    public OptionalLong nameTimeMs() {
        Path name = path.getFileName();
        Matcher m = EPOCH_PREFIX.matcher(name == null ? "" : name.toString());
        return m.matches()
                ? OptionalLong.of(Long.parseLong(m.group(1)) * 1000)
                : OptionalLong.empty();
    }
}
