package io.gpuledger.core.statement;

import io.gpuledger.core.quota.BudgetPlan;
import io.gpuledger.core.quota.Usage;
import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/** Makes statements: a function of what was known at two instants. */
public final class Statements {
    private final Knowledge before;
    private final Knowledge now;
    private final Period period;
    private final String override;

    /**
     * Prepares the statements of a period.
     *
     * @param before what was known when the period before was closed; {@link Knowledge#NONE} for
     *     the first
     * @param now what is known as this one is closed
     */
    public Statements(Knowledge before, Knowledge now, Period period, String override) {
        if (now.atMs() <= before.atMs()) {
            throw new IllegalArgumentException(
                    "the statements of %s would know %d, those before them knew %d"
                            .formatted(period.name(), now.atMs(), before.atMs()));
        }
        this.before = before;
        this.now = now;
        this.period = period;
        this.override = override;
    }

    /**
     * The statement of a grant; empty when there is nothing to state: its term is over or has not
     * begun, and nothing is known otherwise than before.
     *
     * @param sequence of this statement
     * @param previousDigest of the grant's last one
     */
    public Optional<Statement> of(String grantId, long sequence, String previousDigest) {
        Optional<Grant> grant = now.registry().grant(grantId);
        KnownAccount known = KnownAccount.of(now, grantId, period);
        SortedMap<LineKey, Figures> changes =
                known.since(KnownAccount.of(before, grantId, period.previous()));
        List<StatementLine> lines = lines(grantId, changes);
        boolean inTerm = grant.map(g -> !g.term().intersect(period.span()).isEmpty()).orElse(false);
        if (lines.isEmpty() && !inTerm) {
            return Optional.empty();
        }
        return Optional.of(
                new Statement(
                        grantId,
                        grant,
                        period,
                        sequence,
                        now.atMs(),
                        before.atMs(),
                        now.registryVersion(),
                        override,
                        previousDigest,
                        lines,
                        budget(grantId, lines)));
    }

    private List<StatementLine> lines(String grantId, SortedMap<LineKey, Figures> changes) {
        List<StatementLine> own = new ArrayList<>();
        List<StatementLine> corrections = new ArrayList<>();
        changes.forEach(
                (key, figures) -> {
                    String note = note(grantId, key);
                    if (!key.period().equals(period.name())) {
                        corrections.add(
                                new StatementLine(
                                        0, StatementLine.Kind.CORRECTION, key, figures, note));
                    } else {
                        own.add(
                                new StatementLine(
                                        0,
                                        key.adjustmentId().isEmpty()
                                                ? StatementLine.Kind.USAGE
                                                : StatementLine.Kind.ADJUSTMENT,
                                        key,
                                        figures,
                                        note));
                    }
                });
        own.addAll(corrections);
        List<StatementLine> numbered = new ArrayList<>();
        for (StatementLine line : own) {
            numbered.add(
                    new StatementLine(
                            numbered.size() + 1,
                            line.kind(),
                            line.key(),
                            line.figures(),
                            line.note()));
        }
        return numbered;
    }

    private String note(String grantId, LineKey key) {
        if (key.adjustmentId().isEmpty()) {
            return "";
        }
        for (Knowledge knowledge : List.of(now, before)) {
            for (Adjustment adjustment : Cuts.adjustments(knowledge.registry(), grantId)) {
                if (adjustment.id().equals(key.adjustmentId())) {
                    return "%s (%s)".formatted(adjustment.reason(), adjustment.author());
                }
            }
        }
        return "";
    }

    private BudgetStanding budget(String grantId, List<StatementLine> lines) {
        long credited = 0;
        long used = 0;
        long corrected = 0;
        for (StatementLine line : lines) {
            credited = Math.addExact(credited, line.figures().creditedGpuUs());
            long charged = line.figures().chargedGpuUs();
            if (line.kind() == StatementLine.Kind.CORRECTION) {
                corrected = Math.addExact(corrected, charged);
            } else {
                used = Math.addExact(used, charged);
            }
        }
        boolean limited = plan(now, grantId).isLimited();
        Span span = period.span();
        if (!limited && !plan(before, grantId).isLimited()) {
            return new BudgetStanding(false, 0, 0, credited, used, corrected, 0, 0);
        }
        long opening = left(before, grantId, span.startMs());
        long closing = left(now, grantId, span.endMs());
        long given =
                now.registry().grant(grantId).map(Grant::budget).orElse(List.of()).stream()
                        .filter(line -> span.contains(line.atMs()))
                        .mapToLong(BudgetLine::gpuUs)
                        .reduce(0, Math::addExact);
        long other = closing - opening - given - credited + used + corrected;
        return new BudgetStanding(
                limited, opening, given, credited, used, corrected, other, closing);
    }

    private static BudgetPlan plan(Knowledge knowledge, String grantId) {
        return new BudgetPlan(
                knowledge.registry().grant(grantId).map(Grant::budget).orElse(List.of()),
                Cuts.adjustments(knowledge.registry(), grantId));
    }

    /** At the last instant before the end: a line that begins or expires then is of the next. */
    private static long left(Knowledge knowledge, String grantId, long endMs) {
        BudgetPlan plan = plan(knowledge, grantId);
        if (!plan.isLimited()) {
            return 0;
        }
        Usage usage =
                until -> {
                    long sum = 0;
                    for (KnownUsage row : knowledge.of(grantId)) {
                        if (row.fromMs() < until && row.fromMs() < endMs) {
                            sum = Math.addExact(sum, row.chargedGpuUs());
                        }
                    }
                    return sum;
                };
        return plan.at(endMs - 1, usage).leftGpuUs();
    }
}
