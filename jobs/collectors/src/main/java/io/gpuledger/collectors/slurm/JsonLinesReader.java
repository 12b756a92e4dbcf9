package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.Lines;
import java.io.IOException;
import java.io.InputStream;

/** One JSON object a line, each a record of its own. */
record JsonLinesReader(LineReader reader) implements FormatReader {
    interface LineReader {
        void read(JsonNode line, long number, Pass pass)
                throws BadRecordException, NotUsedException;
    }

    @Override
    public void read(InputStream in, Pass pass) throws IOException {
        Lines lines = new Lines(in);
        for (String line = lines.next(); line != null; line = lines.next()) {
            if (!line.isBlank()) {
                String text = line;
                boolean cut = lines.cut();
                long number = lines.number();
                pass.record(number, () -> text, () -> one(text, cut, number, pass));
            }
        }
    }

    private void one(String line, boolean cut, long number, Pass pass)
            throws BadRecordException, NotUsedException {
        if (cut) {
            throw new BadRecordException("UNREADABLE", "line is longer than " + Lines.LIMIT);
        }
        JsonNode n;
        try {
            n = JsonElements.parse(line);
        } catch (JsonProcessingException e) {
            throw new BadRecordException("UNREADABLE", "not JSON: " + BrokenJson.what(e), e);
        } catch (IOException e) {
            throw new BadRecordException("UNREADABLE", "not JSON: " + e.getMessage(), e);
        }
        if (!n.isObject()) {
            throw new BadRecordException("UNREADABLE", "not a JSON object");
        }
        reader.read(n, number, pass);
    }
}
