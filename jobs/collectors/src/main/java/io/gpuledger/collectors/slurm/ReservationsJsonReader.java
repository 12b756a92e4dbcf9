package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * {@code scontrol show reservation --json}, and slurmrestd's reservations of now and of the past.
 */
final class ReservationsJsonReader implements FormatReader {
    @Override
    public void read(InputStream in, Pass pass) throws IOException, InputException {
        boolean complete = JsonAnswer.read(in, pass, List.of("reservations"), new Reserved(pass));
        if (!complete) {
            throw new InputException(
                    pass.path(),
                    "has no list of reservations; give scontrol show reservation --json");
        }
    }

    private record Reserved(Pass pass) implements JsonAnswer.Handler {
        @Override
        public void element(JsonNode n, int position) throws BadRecordException, NotUsedException {
            Reservations.use(
                    pass,
                    text(n, "name"),
                    time(n, "start_time", "start"),
                    time(n, "end_time", "end"),
                    n.has("node_list") ? text(n, "node_list") : text(n, "nodes"),
                    JsonValues.texts(n.path("flags")),
                    position);
        }

        @Override
        public void beside(String key, JsonNode value) {
            if (key.equals("last_update")) {
                JobsJsonReader.seenUpdate(value, pass);
            }
        }

        private static String text(JsonNode n, String key) {
            return Objects.requireNonNullElse(JsonValues.text(n.path(key)), "");
        }

        /** slurmctld's answer has its times beside the name, slurmdbd's in an object. */
        private static @Nullable Long time(JsonNode n, String key, String inTime)
                throws BadRecordException {
            return JsonValues.time(n.has(key) ? n.path(key) : n.path("time").path(inTime));
        }
    }
}
