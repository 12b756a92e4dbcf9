package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.HostSnapshotRecord;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;

/** {@code scontrol show node}. */
final class ScontrolNodesReader implements FormatReader {
    @Override
    public void read(InputStream in, Pass pass) throws IOException {
        TextBlocks.read(in, pass, "NodeName=", (text, position) -> node(text, position, pass));
    }

    private static void node(String text, long position, Pass pass) throws BadRecordException {
        Map<String, String> values = TextBlocks.pairs(text);
        HostSnapshotRecord h =
                pass.host(values.getOrDefault("NodeName", ""), "scontrol-node", position);
        h.setStates(NodeStates.normalised(List.of(values.getOrDefault("State", ""))));
        h.setPresent(NodeStates.present(h.getStates()));
        h.setGres(Gres.configured(values.getOrDefault("Gres", "")));
        for (String key : List.of("BootTime", "SlurmdStartTime", "LastBusyTime")) {
            pass.seen(SlurmTime.earliest(values.get(key), pass.zone()));
        }
        pass.use(h);
    }
}
