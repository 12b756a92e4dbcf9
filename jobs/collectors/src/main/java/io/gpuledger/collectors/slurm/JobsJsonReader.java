package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.regex.Pattern;

/** Jobs of the controller or of accounting, as slurmrestd and the {@code --json} options give. */
final class JobsJsonReader implements FormatReader {
    /** Options that leave no job out. */
    private static final Pattern ALL_JOBS =
            Pattern.compile("-a|-d|-dd|--all|--details?|--json(=.*)?");

    @Override
    public void read(InputStream in, Pass pass) throws IOException, InputException {
        Jobs jobs = new Jobs(pass);
        boolean complete = JsonAnswer.read(in, pass, List.of("jobs"), jobs);
        if (!complete) {
            throw new InputException(
                    pass.path(), "has no list of jobs; give squeue --json or slurmrestd's jobs");
        }
        pass.isCompletePoll(!jobs.errors && !jobs.filtered);
        pass.isAccounting(jobs.accounting && !jobs.errors);
    }

    static void seenUpdate(JsonNode value, Pass pass) {
        try {
            pass.seen(JsonValues.time(value));
        } catch (BadRecordException e) {
            pass.droppedField();
        }
    }

    private static final class Jobs implements JsonAnswer.Handler {
        private final Pass pass;
        private boolean errors;
        private boolean filtered;
        private boolean accounting;

        Jobs(Pass pass) {
            this.pass = pass;
        }

        @Override
        public void element(JsonNode n, int position) throws BadRecordException, NotUsedException {
            if (n.path("time").isObject()) {
                accounting = true;
                AccountingJobJson.read(n, position, pass);
            } else {
                ControllerJobJson.read(n, position, pass);
            }
        }

        /** Warnings are only about the question. */
        @Override
        public void beside(String key, JsonNode value) {
            switch (key) {
                case "errors" -> errors |= value.isArray() && !value.isEmpty();
                case "last_update" -> seenUpdate(value, pass);
                case "meta" -> meta(value);
                default -> {}
            }
        }

        private void meta(JsonNode meta) {
            // An empty answer of accounting must not pass for a poll without jobs.
            accounting |= meta.path("plugin").path("type").asText("").contains("db");
            List<String> command = JsonValues.texts(meta.path("command"));
            accounting |= !command.isEmpty() && command.get(0).endsWith("sacct");
            for (String word : command) {
                filtered |= word.startsWith("-") && !ALL_JOBS.matcher(word).matches();
            }
        }
    }
}
