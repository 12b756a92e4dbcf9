package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.ReservationRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A reservation of Slurm, told to each host that it has. */
final class Reservations {
    static final String NO_NODES = "reservation without nodes";

    private Reservations() {}

    /**
     * Uses one reservation.
     *
     * @param nodes Slurm's short form, {@code n[1-3]}
     * @param flags Slurm's flags, one or several in a text, {@code MAINT} among them or not
     */
    static void use(
            Pass pass,
            String name,
            @Nullable Long startMs,
            @Nullable Long endMs,
            String nodes,
            List<String> flags,
            long position)
            throws BadRecordException, NotUsedException {
        if (name.isEmpty()) {
            throw new BadRecordException("UNREADABLE", "reservation without a name");
        }
        if (startMs == null || endMs == null || endMs < startMs) {
            throw new BadRecordException(
                    "BAD_TIME", "reservation " + name + " needs a start and a later end");
        }
        List<String> hosts = HostList.expand(nodes);
        if (hosts.isEmpty()) {
            throw new NotUsedException(NO_NODES);
        }
        List<HostSnapshotRecord> told = new ArrayList<>();
        for (String host : hosts) {
            HostSnapshotRecord h = pass.host(host, "reservation", position);
            h.setReservations(
                    List.of(
                            ReservationRecord.newBuilder()
                                    .setName(name)
                                    .setStartMs(startMs)
                                    .setEndMs(endMs)
                                    .setMaintenance(isMaintenance(flags))
                                    .build()));
            told.add(h);
        }
        pass.useAll(told);
    }

    private static boolean isMaintenance(List<String> flags) {
        return flags.stream()
                .flatMap(f -> Stream.of(f.toUpperCase(Locale.ROOT).split(",", -1)))
                .anyMatch("MAINT"::equals);
    }
}
