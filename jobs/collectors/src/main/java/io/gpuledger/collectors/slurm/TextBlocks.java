package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.Lines;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The records of {@code scontrol show}: each begins at a line with its key and goes over several
 * lines, or one with -o. Its lines are joined by blanks.
 */
final class TextBlocks {
    private static final Pattern PAIR = Pattern.compile("(?<=\\s|^)([A-Za-z_:/]+)=(\\S*)");

    /** What scontrol says instead of a record when there is none. */
    private static final Pattern NOTHING =
            Pattern.compile("No (?:jobs|nodes|reservations) in the system");

    interface Handler {
        void block(String text, long position) throws BadRecordException, NotUsedException;
    }

    private final Pass pass;
    private final String head;
    private final Handler handler;
    private final StringBuilder block = new StringBuilder();
    private long begin;
    private boolean cut;

    private TextBlocks(Pass pass, String head, Handler handler) {
        this.pass = pass;
        this.head = head;
        this.handler = handler;
    }

    /** {@code Key=value} of a record by key. */
    static Map<String, String> pairs(String text) {
        Map<String, String> pairs = new HashMap<>();
        Matcher m = PAIR.matcher(text);
        while (m.find()) {
            // The first: free texts (Reason, Comment, Extra) come last and may imitate the others.
            pairs.putIfAbsent(m.group(1), m.group(2));
        }
        return pairs;
    }

    static void read(InputStream in, Pass pass, String head, Handler handler) throws IOException {
        TextBlocks blocks = new TextBlocks(pass, head, handler);
        Lines lines = new Lines(in);
        for (String line = lines.next(); line != null; line = lines.next()) {
            blocks.line(line, lines);
        }
        blocks.close();
    }

    private void line(String line, Lines lines) {
        if (line.startsWith(head)) {
            close();
            begin = lines.number();
        } else if (line.isBlank() || NOTHING.matcher(line).lookingAt()) {
            return;
        } else if (block.length() == 0) {
            // Text before the first record belongs to none, but it was there.
            begin = lines.number();
        }
        cut |= lines.cut();
        if (block.length() + line.length() > Lines.LIMIT) {
            cut = true;
        } else {
            block.append(line.startsWith(head) ? "" : " ").append(line.strip());
        }
    }

    private void close() {
        if (block.length() == 0 && !cut) {
            return;
        }
        String text = block.toString();
        boolean whole = !cut;
        pass.record(
                begin,
                () -> text,
                () -> {
                    if (!whole) {
                        throw new BadRecordException(
                                "UNREADABLE", "record is longer than " + Lines.LIMIT);
                    }
                    handler.block(text, begin);
                });
        block.setLength(0);
        cut = false;
    }
}
