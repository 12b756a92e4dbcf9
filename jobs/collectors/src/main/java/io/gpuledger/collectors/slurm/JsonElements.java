package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.Lines;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackReader;
import java.io.Reader;
import java.util.Set;

/**
 * Single elements of untrusted JSON as trees, within a bound, and without the parts that no reader
 * looks at: a running job of a thousand nodes lists every core it has.
 */
final class JsonElements {
    private static final JsonFactory JSON = new JsonFactory();
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final char BYTE_ORDER_MARK = '\uFEFF';

    /** Values in one element; real ones have some hundreds. */
    private static final int LIMIT = 100_000;

    private static final Set<String> SKIPPED =
            Set.of("steps", "allocation", "allocated_nodes", "sockets", "environment", "script");

    private int values;

    private JsonElements() {}

    /** A parser of the whole input that no wrong byte stops. */
    static JsonParser parser(InputStream in) throws IOException {
        Reader reader = Lines.reader(in);
        int first = reader.read();
        while (first == BYTE_ORDER_MARK) {
            first = reader.read();
        }
        PushbackReader text = new PushbackReader(reader, 1);
        if (first >= 0) {
            text.unread(first);
        }
        return JSON.createParser(text);
    }

    /** The value that the parser stands at; afterwards it stands at its end. */
    static JsonNode read(JsonParser p) throws IOException, BadRecordException {
        JsonElements elements = new JsonElements();
        JsonNode n = elements.value(p);
        if (elements.values > LIMIT) {
            throw new BadRecordException(
                    "UNREADABLE", "one JSON element has more than " + LIMIT + " values");
        }
        return n;
    }

    /** A text that is one value and nothing else. */
    static JsonNode parse(String text) throws IOException, BadRecordException {
        try (JsonParser p = JSON.createParser(text)) {
            if (p.nextToken() == null) {
                throw new BadRecordException("UNREADABLE", "no JSON value");
            }
            JsonNode n = read(p);
            if (p.nextToken() != null) {
                throw new BadRecordException("UNREADABLE", "more than one JSON value in a line");
            }
            return n;
        }
    }

    /** The depth is bounded by the parser. */
    private JsonNode value(JsonParser p) throws IOException {
        values++;
        return switch (p.currentToken()) {
            case START_OBJECT -> object(p);
            case START_ARRAY -> array(p);
            case VALUE_STRING -> NODES.textNode(p.getText());
            case VALUE_TRUE -> NODES.booleanNode(true);
            case VALUE_FALSE -> NODES.booleanNode(false);
            case VALUE_NUMBER_INT ->
                    p.getNumberType() == JsonParser.NumberType.BIG_INTEGER
                            ? NODES.textNode(p.getText())
                            : NODES.numberNode(p.getLongValue());
            // As text, like integers of many digits: they must cost nothing until somebody asks.
            case VALUE_NUMBER_FLOAT -> NODES.textNode(p.getText());
            default -> NODES.nullNode();
        };
    }

    private JsonNode object(JsonParser p) throws IOException {
        ObjectNode out = NODES.objectNode();
        while (p.nextToken() == JsonToken.FIELD_NAME) {
            String name = p.currentName();
            p.nextToken();
            if (values > LIMIT || SKIPPED.contains(name)) {
                p.skipChildren();
            } else {
                out.set(name, value(p));
            }
        }
        return out;
    }

    private JsonNode array(JsonParser p) throws IOException {
        ArrayNode out = NODES.arrayNode();
        while (p.nextToken() != JsonToken.END_ARRAY) {
            if (values > LIMIT) {
                p.skipChildren();
            } else {
                out.add(value(p));
            }
        }
        return out;
    }
}
