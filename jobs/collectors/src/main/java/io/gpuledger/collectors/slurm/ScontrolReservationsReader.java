package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;

/** {@code scontrol show reservation}. */
final class ScontrolReservationsReader implements FormatReader {
    @Override
    public void read(InputStream in, Pass pass) throws IOException {
        TextBlocks.read(
                in, pass, "ReservationName=", (text, position) -> use(text, position, pass));
    }

    private static void use(String text, long position, Pass pass)
            throws BadRecordException, NotUsedException {
        Map<String, String> values = TextBlocks.pairs(text);
        Long start = SlurmTime.earliest(values.get("StartTime"), pass.zone());
        if (values.getOrDefault("State", "").equals("ACTIVE")) {
            pass.seen(start); // else a forecast
        }
        String nodes = values.getOrDefault("Nodes", "");
        Reservations.use(
                pass,
                values.getOrDefault("ReservationName", ""),
                start,
                SlurmTime.earliest(values.get("EndTime"), pass.zone()),
                nodes.equals("(null)") ? "" : nodes,
                List.of(values.getOrDefault("Flags", "")),
                position);
    }
}
