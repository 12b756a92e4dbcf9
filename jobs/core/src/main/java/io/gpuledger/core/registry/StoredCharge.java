package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeSubject;
import io.gpuledger.core.usage.UsageRow;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Charges usage that is in the ledger already. A row says less than the attribution knew: its model
 * may be DCGM's name, which charges nothing, and devices without a position have none. What is not
 * known is not guessed: where it makes a difference there is no answer.
 */
public final class StoredCharge {
    private final Charging charging;
    private final Set<String> weighted = new LinkedHashSet<>();

    /**
     * What the ledger has of a run, and what a charge may depend on.
     *
     * @param endState {@link ChargeSubject#endState}
     * @param gpuTypes what the scheduler called its cards; empty when it had no name for them
     * @param typesKnown false when nobody wrote that down
     */
    public record RunFacts(String endState, List<String> gpuTypes, boolean typesKnown) {
        /** Of a run that the ledger does not know. */
        public static final RunFacts UNKNOWN = new RunFacts("", List.of(), false);

        public RunFacts {
            gpuTypes = List.copyOf(gpuTypes);
        }
    }

    /**
     * A row as it is to be charged.
     *
     * @param undecided holders that keep their charge because what it depends on is not known
     */
    public record Restated(UsageRow row, int undecided) {}

    public StoredCharge(Registry registry) {
        charging = new Charging(registry);
        weighted.add("");
        for (ChargePolicy policy : registry.policies()) {
            for (WeightRule rule : policy.weights()) {
                weighted.add(rule.gpuModel());
            }
        }
    }

    /**
     * The charge in force at an instant; empty when it depends on what is not known.
     *
     * @param subject its model is the row's, empty when the row has none
     * @param placed false for a row of devices without a position
     */
    public Optional<Charge> at(
            ChargeSubject subject, boolean placed, RunFacts run, long instantMs) {
        return throughout(subject, placed, run, new Span(instantMs, instantMs + 1));
    }

    private Optional<Charge> throughout(
            ChargeSubject subject, boolean placed, RunFacts run, Span window) {
        Set<Charge> charges = new LinkedHashSet<>();
        for (String model : placed ? models(subject.gpuModel()) : models(run)) {
            for (ChargePiece piece : charging.pieces(withModel(subject, model), window)) {
                charges.add(piece.charge());
            }
        }
        return charges.size() == 1 ? Optional.of(charges.iterator().next()) : Optional.empty();
    }

    /**
     * What the scheduler may have called a card. Its names have no spaces; those of DCGM have
     * ("NVIDIA H100 80GB HBM3"), and so may one that a host configuration gave.
     */
    private static Set<String> models(String ofRow) {
        return ofRow.indexOf(' ') < 0 ? Set.of(ofRow) : Set.of(ofRow, "");
    }

    /** The row of devices without a position names none: what the run was given is all there is. */
    private Set<String> models(RunFacts run) {
        if (!run.typesKnown()) {
            return weighted;
        }
        return run.gpuTypes().isEmpty() ? Set.of("") : new LinkedHashSet<>(run.gpuTypes());
    }

    private static ChargeSubject withModel(ChargeSubject s, String model) {
        return new ChargeSubject(
                s.cluster(),
                s.account(),
                s.user(),
                s.partition(),
                s.qos(),
                model,
                s.bucket(),
                s.endState());
    }

    /** A minute row charged anew; nothing else of it changes. */
    public Restated minute(UsageRow row, Map<String, RunFacts> runs) {
        return restate(row, runs, new Span(row.windowStartMs(), row.windowStartMs() + 1));
    }

    /** An hour row without minutes: where the charge changes within the hour it is undecided. */
    public Restated hour(UsageRow row, Map<String, RunFacts> runs) {
        return restate(row, runs, new Span(row.windowStartMs(), row.windowStartMs() + 3_600_000));
    }

    private Restated restate(UsageRow row, Map<String, RunFacts> runs, Span window) {
        List<UsageRow.Holder> holders = new ArrayList<>();
        int undecided = 0;
        for (UsageRow.Holder holder : row.holders()) {
            if (holder.runId().isEmpty()) {
                holders.add(holder);
                continue;
            }
            RunFacts run = runs.getOrDefault(holder.runId(), RunFacts.UNKNOWN);
            Optional<Charge> charge =
                    throughout(subject(row, holder, run), row.gpuIndex() >= 0, run, window);
            undecided += charge.isEmpty() ? 1 : 0;
            holders.add(charge.map(c -> charged(holder, c)).orElse(holder));
        }
        return new Restated(withHolders(row, holders), undecided);
    }

    private static ChargeSubject subject(UsageRow row, UsageRow.Holder holder, RunFacts run) {
        return new ChargeSubject(
                row.cluster(),
                holder.account(),
                holder.user(),
                holder.partition(),
                holder.qos(),
                row.gpuModel(),
                holder.bucket(),
                run.endState());
    }

    private static UsageRow.Holder charged(UsageRow.Holder h, Charge charge) {
        return new UsageRow.Holder(
                h.bucket(),
                h.runId(),
                h.jobId(),
                h.account(),
                h.user(),
                h.partition(),
                h.qos(),
                charge.grantId(),
                h.instance(),
                h.gpuMs(),
                charge.chargedGpuUs(h.gpuMs()),
                h.coveredMs(),
                h.activeGpuUs(),
                h.smActiveGpuUs(),
                h.tensorActiveGpuUs(),
                h.dramActiveGpuUs(),
                h.memoryMibMs(),
                h.energyMj(),
                h.heldIdleMs(),
                h.flags());
    }

    private static UsageRow withHolders(UsageRow row, List<UsageRow.Holder> holders) {
        return new UsageRow(
                row.cluster(),
                row.host(),
                row.gpuIndex(),
                row.unplacedRun(),
                row.windowStartMs(),
                row.existsMs(),
                row.gpuUuid(),
                row.gpuModel(),
                holders);
    }
}
