package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.InputTally;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;

/** Reads one file of telemetry line by line. */
public final class DcgmFileReader {
    /** The interval is the one the scrapes were taken at. */
    public record Options(String cluster, int scrapeIntervalMs) {}

    private final Options options;

    public DcgmFileReader(Options options) {
        this.options = options;
    }

    public void read(InputFile file, InputSink sink) throws InputException {
        InputTally tally = new InputTally(options.cluster(), file.path().toString(), sink);
        OptionalLong named = file.nameTimeMs();
        DcgmText text =
                new DcgmText(
                        options.cluster(),
                        options.scrapeIntervalMs(),
                        file.path().toString(),
                        named.isPresent() ? (Long) named.getAsLong() : null,
                        "",
                        tally,
                        sink::scrape);
        try (BufferedReader in =
                new BufferedReader(new InputStreamReader(file.open(), StandardCharsets.UTF_8))) {
            long number = 0;
            String line = in.readLine();
            while (line != null) {
                number++;
                text.line(line, number);
                line = in.readLine();
            }
        } catch (IOException e) {
            throw InputFile.unreadable(file.path(), e);
        }
        text.flush();
        tally.close();
    }
}
