package io.gpuledger.testkit;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What really happened on a small cluster, and who was looking. Times are UTC epoch milliseconds,
 * spans half-open; jobs start and end on whole seconds as Slurm's clock has them.
 *
 * @param fromMs the first instant at which anybody looked
 * @param toMs the last one
 */
public record Scenario(
        long seed,
        Set<Kind> kinds,
        String cluster,
        long fromMs,
        long toMs,
        Watch watch,
        List<Host> hosts,
        List<Run> runs) {

    /**
     * When the scheduler was asked.
     *
     * @param polls instants at which the controller listed every live job
     * @param heartbeats instants at which it was only known to be there
     * @param accounting instants at which all of accounting was read
     * @param boundedAccounting accounting says of itself which span it covers
     * @param indices the controller and the prologs tell GPU indices
     */
    public record Watch(
            List<Long> polls,
            List<Long> heartbeats,
            List<Long> accounting,
            boolean boundedAccounting,
            boolean indices) {}

    /**
     * One node.
     *
     * @param cards physical GPUs
     * @param gresType GRES type of its devices, empty when untyped
     * @param shardsPerCard 0 where cards are not sharded
     * @param slicesPerCard 0 without MIG configuration
     * @param nvmlIndex per card the index under which exporters know it
     */
    public record Host(
            String name,
            int cards,
            String gresType,
            int shardsPerCard,
            int slicesPerCard,
            List<Instance> instances,
            List<Integer> nvmlIndex,
            boolean inventoryTellsUuids,
            List<Look> looks,
            List<Reservation> reservations,
            List<Reading> readings) {

        /** The host has a configuration that says which instance an ordinal is. */
        public boolean isMig() {
            return slicesPerCard > 0;
        }
    }

    /** A MIG instance as configured. */
    public record Instance(int ordinal, int card, int id, int slices) {}

    /**
     * A reservation of the node.
     *
     * @param toMs the end it really had
     * @param plannedToMs the end that was told while the true one was still to come
     * @param toldAtMs when the list of reservations had it
     */
    public record Reservation(
            String name,
            long fromMs,
            long toMs,
            long plannedToMs,
            boolean maintenance,
            List<Long> toldAtMs) {}

    /** What one look at the node showed. */
    public record Look(long atMs, List<String> states) {}

    /**
     * What one exporter said of one card (or MIG instance, else -1) at one instant; a field without
     * value is blank when the key is there with null, else absent.
     */
    public record Reading(
            String exporter,
            long atMs,
            int intervalMs,
            int card,
            int instance,
            String uuid,
            Map<Integer, @Nullable Long> values) {}

    /** A half-open span. */
    public record Stretch(long fromMs, long toMs) {
        boolean contains(long atMs) {
            return fromMs <= atMs && atMs < toMs;
        }
    }

    /**
     * One device a run had for a span.
     *
     * @param instance MIG instance id, -1 for the card
     * @param shards shards of the card, 0 where it had the whole card or instance
     */
    public record Part(String host, int card, int instance, int shards, long fromMs, long toMs) {}

    /** How the end of a run came to be known. */
    public enum Ending {
        /** Some source states the true end. */
        STATED,
        /** Nobody ever does; the first complete poll without the run is the end. */
        ABSENT,
        /** The run holds on after the last look. */
        OPEN,
        /** Accounting shows it running for ever; another run got its card. */
        RUNAWAY
    }

    /**
     * One incarnation of a job.
     *
     * @param submitMs when it became pending (again)
     * @param endMs the true end
     * @param freedAtMs per host when its node epilog ran
     */
    public record Run(
            long jobId,
            int restarts,
            String account,
            String user,
            long submitMs,
            long startMs,
            long endMs,
            Ending ending,
            List<Part> parts,
            List<Stretch> suspensions,
            Map<String, Long> freedAtMs,
            Seen seen) {

        public String id(String cluster) {
            return cluster + "/" + jobId + "/" + Math.floorDiv(startMs, 1000L);
        }

        boolean isSuspendedAt(long ms) {
            return suspensions.stream().anyMatch(s -> s.contains(ms));
        }
    }

    /**
     * What sources say of a run besides the polls.
     *
     * @param prologs per host when its node prolog ran
     * @param prologController when PrologSlurmctld ran, or null
     * @param epilogController when EpilogSlurmctld ran, or null
     * @param finalState the state that ended it
     * @param controllerEndMs the end that the controller shows afterwards, null when it shows none
     * @param listedUntilMs how long it does
     * @param completion the end as jobcomp has it, or null
     * @param rows what accounting had of the run, by time
     */
    public record Seen(
            Map<String, Long> prologs,
            @Nullable Long prologController,
            @Nullable Long epilogController,
            String finalState,
            @Nullable Long controllerEndMs,
            long listedUntilMs,
            @Nullable Long completion,
            List<Row> rows) {}

    /** An accounting row as it stood for a while. */
    public record Row(
            long visibleFromMs,
            long visibleToMs,
            long submitMs,
            long startMs,
            @Nullable Long endMs,
            String state,
            long suspendedMs,
            List<Part> layout) {}
}
