package io.gpuledger.core.quota;

import io.gpuledger.core.registry.ChargePiece;
import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.ChargeSubject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * From a run to what it takes from grants: by the same charging as usage rows are, but from the
 * scheduler's word alone. Where several runs claim one card each is counted: the ledger then
 * differs, and names it.
 */
public final class RunConsumption {
    private final String cluster;
    private final Run run;
    private final Charging charging;
    private final Cards cards;
    private final Map<String, List<Stretch>> byGrant = new LinkedHashMap<>();

    private RunConsumption(String cluster, Run run, Charging charging, Cards cards) {
        this.cluster = cluster;
        this.run = run;
        this.charging = charging;
        this.cards = cards;
    }

    /**
     * What a run takes, by grant.
     *
     * @param unheardMs an open run is thought to hold on this long after it was last heard of
     */
    public static SortedMap<String, Consumption> of(
            String cluster, Run run, Charging charging, Cards cards, long unheardMs) {
        RunConsumption all = new RunConsumption(cluster, run, charging, cards);
        for (Holding holding : run.holdings()) {
            all.add(holding);
        }
        SortedMap<String, Consumption> found = new TreeMap<>();
        long limit = run.isOpen() ? run.heldEndMs() + unheardMs : Span.OPEN_END;
        all.byGrant.forEach(
                (grant, stretches) ->
                        found.put(
                                grant,
                                new Consumption(
                                        grant,
                                        cluster,
                                        run.runId(),
                                        run.isOpen(),
                                        limit,
                                        all.allowedTo(),
                                        joined(stretches),
                                        run.flags())));
        return found;
    }

    /** Slurm's clock of a time limit stands still while a run is suspended. */
    private long allowedTo() {
        if (!run.isOpen() || run.timeLimitMs() == Run.NO_LIMIT) {
            return Long.MIN_VALUE;
        }
        return run.startMs()
                + run.timeLimitMs()
                + Span.lengthWithin(run.suspensions(), run.startMs(), run.heldEndMs());
    }

    private void add(Holding holding) {
        Span held = new Span(holding.startMs(), goesOn(holding.endMs()));
        long from = held.startMs();
        for (long to : cuts(holding, held)) {
            Bucket bucket = isSuspended(from) ? Bucket.SUSPENDED : Bucket.ALLOCATED;
            charge(holding, bucket, new Span(from, to));
            from = to;
        }
        long freed = run.overheadUntil().getOrDefault(holding.host(), 0L);
        boolean keptToTheEnd = holding.endMs() == run.heldEndMs() && holding.gpuIndex() >= 0;
        if (!run.isOpen() && keptToTheEnd && freed > holding.endMs()) {
            charge(holding, Bucket.OVERHEAD, new Span(holding.endMs(), freed));
        }
    }

    /** What lasts to the latest evidence of an open run is thought to last on. */
    private long goesOn(long endMs) {
        return run.isOpen() && endMs >= run.heldEndMs() ? Span.OPEN_END : endMs;
    }

    private boolean isSuspended(long atMs) {
        for (Span suspension : run.suspensions()) {
            if (suspension.startMs() <= atMs && atMs < goesOn(suspension.endMs())) {
                return true;
            }
        }
        return false;
    }

    private SortedSet<Long> cuts(Holding holding, Span held) {
        SortedSet<Long> cuts = new TreeSet<>();
        if (held.isEmpty()) {
            return cuts;
        }
        cuts.addAll(cards.changes(holding.host(), held));
        for (Span suspension : run.suspensions()) {
            for (long at : new long[] {suspension.startMs(), goesOn(suspension.endMs())}) {
                if (held.startMs() < at && at < held.endMs()) {
                    cuts.add(at);
                }
            }
        }
        cuts.add(held.endMs());
        return cuts;
    }

    private void charge(Holding holding, Bucket bucket, Span span) {
        Cards.Device device = cards.device(holding, span.startMs());
        ChargeSubject subject =
                new ChargeSubject(
                        cluster,
                        run.account(),
                        run.user(),
                        run.partition(),
                        run.qos(),
                        device.model(),
                        bucket,
                        ChargeSubject.endState(run.state()));
        for (ChargePiece piece : charging.pieces(subject, span)) {
            byGrant.computeIfAbsent(piece.charge().grantId(), g -> new ArrayList<>())
                    .add(
                            new Stretch(
                                    piece.span().startMs(),
                                    piece.span().endMs(),
                                    device.numerator(),
                                    device.denominator(),
                                    piece.charge().weightMilli()));
        }
    }

    private record Same(long fromMs, long toMs, int weightMilli) {}

    /** Whole GPUs of one span are one stretch; parts are rounded each by itself. */
    private static List<Stretch> joined(List<Stretch> stretches) {
        Map<Same, Long> whole = new LinkedHashMap<>();
        List<Stretch> joined = new ArrayList<>();
        for (Stretch s : stretches) {
            if (s.denominator() == 1) {
                whole.merge(
                        new Same(s.fromMs(), s.toMs(), s.weightMilli()), s.numerator(), Long::sum);
            } else {
                joined.add(s);
            }
        }
        whole.forEach(
                (same, gpus) ->
                        joined.add(
                                new Stretch(
                                        same.fromMs(), same.toMs(), gpus, 1, same.weightMilli())));
        return joined;
    }
}
