package io.gpuledger.sql;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Which backfills wrote which hours of a cluster, and which one may write now. ClickHouse has no
 * locks: an attempt says first what it is about to do and then looks for others, so that of two
 * that begin together at least one sees the other and gives way.
 */
public final class BackfillRegister {
    /** An attempt that was not renewed for this long is dead. */
    private static final int LEASE_S = 60;

    private static final int RENEWAL_S = 15;
    private static final long HOUR_S = 3600;

    private final Warehouse warehouse;
    private final Inputs inputs;
    private final String attempt = UUID.randomUUID().toString();
    private final String machine = machine();
    private @Nullable ScheduledExecutorService renewal;
    private @Nullable ScheduledFuture<?> renewals;
    private volatile @Nullable RuntimeException lastFailure;
    private volatile long notedAtNanos = System.nanoTime();
    private long revision;

    /**
     * What an attempt is about.
     *
     * @param digest the same for the same inputs and options
     * @param program name and version of what computes: another one may compute other rows
     * @param firstMs the earliest instant the inputs speak of
     * @param lastMs the latest one
     */
    public record Inputs(String cluster, long digest, String program, long firstMs, long lastMs) {
        long fromS() {
            return Math.floorDiv(firstMs, HOUR_S * 1000) * HOUR_S;
        }

        long toS() {
            return Math.floorDiv(lastMs, HOUR_S * 1000) * HOUR_S + HOUR_S;
        }
    }

    /** How an attempt ended. */
    public enum Outcome {
        DONE,
        /** Some rows may have been written. */
        FAILED,
        /** Nothing was written. */
        REFUSED
    }

    /** An attempt of another process that may still write the same hours. */
    public record Rival(String machine, long pid, String startedAt, long lapsesInS) {}

    public BackfillRegister(Warehouse warehouse, Inputs inputs) {
        this.warehouse = warehouse;
        this.inputs = inputs;
    }

    /** The time these inputs were finished, when nothing has written these hours since. */
    public Optional<String> finished() {
        List<List<String>> row =
                warehouse.query(
                        """
                        SELECT toString(max(renewed_at)) FROM backfills FINAL
                        WHERE cluster = {cluster:String} AND state = 'DONE'
                          AND input_digest = {digest:UInt64} AND program = {program:String}
                        HAVING count() > 0 AND max(renewed_at) >= (
                            SELECT max(renewed_at) FROM backfills FINAL
                            WHERE cluster = {cluster:String} AND attempt != {attempt:String}
                              AND state != 'REFUSED'
                              AND from_s < {to:Int64} AND to_s > {from:Int64})
                        """,
                        parameters());
        return row.isEmpty() ? Optional.empty() : Optional.of(row.get(0).get(0));
    }

    /**
     * Rows with content in these hours that came from elsewhere: count, first and last minute.
     * Minutes, for one that was killed half-way may have written no hour.
     */
    public Optional<List<String>> rowsOfOthers() {
        List<String> row =
                warehouse
                        .query(
                                """
                                SELECT count(), min(window_start), max(window_start)
                                FROM usage_minute FINAL
                                WHERE cluster = {cluster:String} AND notEmpty(holders.gpu_ms)
                                  AND input_digest != {digest:UInt64}
                                  AND window_start >= toDateTime({from:Int64}, 'UTC')
                                  AND window_start < toDateTime({to:Int64}, 'UTC')
                                """,
                                parameters())
                        .get(0);
        return row.get(0).equals("0") ? Optional.empty() : Optional.of(row);
    }

    /**
     * Claims the hours, unless another process with other inputs may still write them. The same
     * inputs do not hurt each other: they write the same rows.
     *
     * @return who is in the way; empty: the hours are ours until {@link #close}
     */
    public Optional<Rival> claim() {
        note("RUNNING");
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT machine, pid, toString(started_at),
                               %d - dateDiff('second', renewed_at, now64(3, 'UTC'))
                        FROM backfills FINAL
                        WHERE cluster = {cluster:String} AND state = 'RUNNING'
                          AND attempt != {attempt:String} AND input_digest != {digest:UInt64}
                          AND from_s < {to:Int64} AND to_s > {from:Int64}
                          AND renewed_at > now64(3, 'UTC') - INTERVAL %d SECOND
                        ORDER BY started_at
                        """
                                .formatted(LEASE_S, LEASE_S),
                        parameters())) {
            long pid = Long.parseLong(row.get(1));
            if (row.get(0).equals(machine) && ProcessHandle.of(pid).isEmpty()) {
                continue; // killed here: nobody will write for it
            }
            note(Outcome.REFUSED.name());
            return Optional.of(new Rival(row.get(0), pid, row.get(2), Long.parseLong(row.get(3))));
        }
        renewal =
                Executors.newSingleThreadScheduledExecutor(
                        work -> {
                            Thread thread = new Thread(work, "renew-backfill");
                            thread.setDaemon(true);
                            return thread;
                        });
        renewals = renewal.scheduleAtFixedRate(this::renew, RENEWAL_S, RENEWAL_S, TimeUnit.SECONDS);
        return Optional.empty();
    }

    /** One that fails is made up for by the next; {@link #close} tells when all did. */
    private void renew() {
        try {
            note("RUNNING");
        } catch (WarehouseUnreachableException | WarehouseRefusedException e) {
            lastFailure = e;
        }
    }

    /**
     * Ends the claim.
     *
     * @throws WarehouseUnreachableException when it had lapsed meanwhile: another may have begun
     */
    public void close(Outcome outcome) {
        if (renewals != null) {
            renewals.cancel(false);
        }
        if (renewal != null) {
            renewal.shutdownNow();
        }
        boolean lapsed = System.nanoTime() - notedAtNanos > TimeUnit.SECONDS.toNanos(LEASE_S);
        note(lapsed ? Outcome.FAILED.name() : outcome.name());
        if (lapsed) {
            throw new WarehouseUnreachableException(
                    "ClickHouse was silent for more than %d s, another backfill of cluster %s may have begun; run this one again"
                            .formatted(LEASE_S, inputs.cluster()),
                    lastFailure);
        }
    }

    private synchronized void note(String state) {
        Map<String, String> parameters = new HashMap<>(parameters());
        parameters.put("program", inputs.program());
        parameters.put("machine", machine);
        parameters.put("pid", Long.toString(ProcessHandle.current().pid()));
        parameters.put("state", state);
        parameters.put("revision", Long.toString(++revision));
        warehouse.execute(
                """
                INSERT INTO backfills
                SELECT {cluster:String}, {attempt:String}, {digest:UInt64}, {program:String},
                       {from:Int64}, {to:Int64}, {machine:String}, {pid:Int64}, {state:String},
                       (SELECT if(count() = 0, now64(3, 'UTC'), min(started_at)) FROM backfills
                        WHERE cluster = {cluster:String} AND attempt = {attempt:String}),
                       now64(3, 'UTC'), {revision:UInt64}
                """,
                parameters);
        notedAtNanos = System.nanoTime();
    }

    private Map<String, String> parameters() {
        return Map.of(
                "cluster", inputs.cluster(),
                "attempt", attempt,
                "digest", Long.toUnsignedString(inputs.digest()),
                "program", inputs.program(),
                "from", Long.toString(inputs.fromS()),
                "to", Long.toString(inputs.toS()));
    }

    private static String machine() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return ""; // a machine without a name is told apart by its lease alone
        }
    }
}
