package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.schemas.HostSnapshotRecord;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** {@code sinfo --json}, {@code scontrol show node --json} and slurmrestd's nodes. */
final class NodesJsonReader implements FormatReader {
    @Override
    public void read(InputStream in, Pass pass) throws IOException, InputException {
        boolean complete = JsonAnswer.read(in, pass, List.of("nodes"), new Nodes(pass));
        if (!complete) {
            throw new InputException(
                    pass.path(), "has no list of nodes; give sinfo --json or slurmrestd's nodes");
        }
    }

    private record Nodes(Pass pass) implements JsonAnswer.Handler {
        @Override
        public void element(JsonNode n, int position) throws BadRecordException {
            String name = JsonValues.text(n.path("name"));
            HostSnapshotRecord h = pass.host(name == null ? "" : name, "nodes-json", position);
            List<String> shown = new ArrayList<>(JsonValues.texts(n.path("state")));
            shown.addAll(JsonValues.texts(n.path("state_flags")));
            h.setStates(NodeStates.normalised(shown));
            h.setPresent(NodeStates.present(h.getStates()));
            h.setGres(Gres.configured(n.path("gres").asText("")));
            for (String key : List.of("last_busy", "boot_time", "slurmd_start_time")) {
                pass.seen(JsonValues.time(n.path(key)));
            }
            pass.use(h);
        }

        @Override
        public void beside(String key, JsonNode value) {
            if (key.equals("last_update")) {
                JobsJsonReader.seenUpdate(value, pass);
            }
        }
    }
}
