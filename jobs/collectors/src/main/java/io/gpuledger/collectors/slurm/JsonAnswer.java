package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/**
 * One answer of slurmrestd or of a {@code --json} command: an object with one list of records and
 * some fields beside it.
 */
final class JsonAnswer {
    /** Takes what the object holds, in the order of the file. */
    interface Handler {
        void element(JsonNode element, int position) throws BadRecordException, NotUsedException;

        /** Anything but the list. */
        default void beside(String key, JsonNode value) {}
    }

    private final Pass pass;
    private final Handler handler;
    private int position;
    private boolean complete;

    private JsonAnswer(Pass pass, Handler handler) {
        this.pass = pass;
        this.handler = handler;
    }

    /** The path leads from the object to its list. Returns whether the list was there. */
    static boolean read(InputStream in, Pass pass, List<String> path, Handler handler)
            throws IOException, InputException {
        JsonAnswer answer = new JsonAnswer(pass, handler);
        try (JsonParser p = JsonElements.parser(in)) {
            if (p.nextToken() != JsonToken.START_OBJECT) {
                throw new InputException(pass.path(), "is no JSON object; write it again");
            }
            answer.object(p, path);
            if (p.currentToken() != JsonToken.END_OBJECT) {
                throw new InputException(pass.path(), "JSON ends in the middle; write it again");
            }
            if (p.nextToken() != null) {
                throw new InputException(
                        pass.path(),
                        "holds more than one JSON answer (line "
                                + p.currentTokenLocation().getLineNr()
                                + "); give one file for each");
            }
        }
        return answer.complete;
    }

    private void object(JsonParser p, List<String> path) throws IOException {
        String list = path.get(0);
        while (p.nextToken() == JsonToken.FIELD_NAME) {
            String key = p.currentName();
            JsonToken value = p.nextToken();
            if (!key.equals(list)) {
                beside(p, key);
            } else if (path.size() > 1 && value == JsonToken.START_OBJECT) {
                object(p, path.subList(1, path.size()));
            } else if (path.size() == 1 && value == JsonToken.START_ARRAY) {
                list(p);
            } else {
                beside(p, key);
            }
        }
    }

    private void list(JsonParser p) throws IOException {
        while (p.nextToken() != JsonToken.END_ARRAY) {
            position++;
            element(p);
        }
        complete = true;
    }

    private void element(JsonParser p) throws IOException {
        JsonNode element;
        try {
            element = JsonElements.read(p);
        } catch (BadRecordException e) {
            pass.record(
                    position,
                    () -> "",
                    () -> {
                        throw e;
                    });
            return;
        }
        pass.record(position, element::toString, () -> handler.element(element, position));
    }

    private void beside(JsonParser p, String key) throws IOException {
        try {
            handler.beside(key, JsonElements.read(p));
        } catch (BadRecordException e) {
            pass.droppedField();
        }
    }
}
