package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.file.KnownRecords;
import io.gpuledger.collectors.file.Lines;
import java.io.IOException;
import java.io.InputStream;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Reads one file of telemetry line by line. */
public final class DcgmFileReader {
    /**
     * The interval is the one the scrapes were taken at; the override, in epoch milliseconds, is
     * the time of samples that state none.
     */
    public record Options(
            String cluster, int scrapeIntervalMs, @Nullable Long observedAtOverride) {}

    private final Options options;

    public DcgmFileReader(Options options) {
        this.options = options;
    }

    /** Reads a file on its own: its duplicates are the lines that it repeats itself. */
    public void read(InputFile file, InputSink sink) throws InputException {
        read(file, sink, new KnownRecords());
    }

    /**
     * Reads one file of several: the lines of a scrape that is known already are duplicates, what
     * it says is known then. A scrape that is cut otherwise than before, as by the end of a file,
     * is not the same.
     */
    public void read(InputFile file, InputSink sink, KnownRecords known) throws InputException {
        InputTally tally = new InputTally(options.cluster(), file.path().toString(), sink);
        OptionalLong named = file.nameTimeMs();
        Long override = options.observedAtOverride();
        Long instant = named.isPresent() ? (Long) named.getAsLong() : null;
        DcgmText text =
                new DcgmText(
                        options.cluster(),
                        options.scrapeIntervalMs(),
                        file.path().toString(),
                        override != null ? override : instant,
                        "",
                        tally,
                        known,
                        sink::scrape);
        try (InputStream in = file.open()) {
            Lines lines = new Lines(in);
            for (String line = lines.next(); line != null; line = lines.next()) {
                if (lines.cut()) {
                    tally.deadLetter(
                            "UNREADABLE",
                            "line is longer than " + Lines.LIMIT,
                            lines.number(),
                            line);
                } else {
                    text.line(line, lines.number());
                }
            }
        } catch (IOException e) {
            throw InputFile.unreadable(file.path(), e);
        }
        text.flush();
        if (text.undated() > 0 && tally.usableSoFar() == 0) {
            throw new InputException(
                    file.path(),
                    "holds samples but no timestamps; give --observed-at, or begin its name with the"
                            + " epoch seconds of the scrape");
        }
        tally.close();
    }
}
