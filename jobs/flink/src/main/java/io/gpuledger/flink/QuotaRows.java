package io.gpuledger.flink;

import io.gpuledger.core.quota.Balance;
import io.gpuledger.core.quota.Consumption;
import io.gpuledger.core.quota.Position;
import io.gpuledger.core.quota.Standing;
import io.gpuledger.core.time.Span;
import io.gpuledger.schemas.QuotaDecisionRecord;
import java.util.List;

/** Rows of the quota job. */
public final class QuotaRows {
    private QuotaRows() {}

    /** What a grant's balance has of a run. */
    public static SinkRow run(Consumption run, long asOfMs, long revision) {
        long until = run.isOpen() ? asOfMs : Span.OPEN_END;
        RowBinary b = new RowBinary();
        b.string(run.grantId());
        b.string(run.cluster());
        b.string(run.runId());
        b.octet(run.isOpen() ? 1 : 0);
        b.number(asOfMs, 8);
        b.number(run.gpuMsUntil(until), 8);
        b.number(run.until(until), 8);
        b.number(run.flags(), 4);
        b.number(revision, 8);
        return new SinkRow(SinkTable.QUOTA_RUNS, b.row());
    }

    /** How a grant stands. */
    public static SinkRow state(Balance balance, long asOfMs, long revision) {
        Standing standing = balance.standing();
        Position position = balance.position();
        RowBinary b = new RowBinary();
        b.string(balance.grantId());
        b.number(asOfMs, 8);
        b.string(standing.state().name());
        b.string(standing.action().name());
        b.octet(standing.dryRun() ? 1 : 0);
        b.number(standing.sequence(), 8);
        b.octet(balance.limited() ? 1 : 0);
        b.number(balance.term().startMs(), 8);
        b.number(balance.term().endMs(), 8);
        b.number(position.budgetGpuUs(), 8);
        b.number(position.usedGpuUs(), 8);
        b.number(balance.settledGpuUs(), 8);
        b.number(balance.runningGpuUs(), 8);
        b.number(balance.committedGpuUs(), 8);
        b.number(position.lapsedGpuUs(), 8);
        b.number(balance.runningGpuMilli(), 8);
        b.number(balance.openRuns(), 4);
        b.number(balance.burntGpuUs(), 8);
        b.number(balance.burnWindowMs(), 8);
        b.number(balance.exhaustsRunningMs(), 8);
        b.number(balance.exhaustsTrailingMs(), 8);
        b.number(balance.registryVersion(), 8);
        List<Position.Line> lines = position.lines();
        b.longs(lines, Position.Line::atMs);
        b.longs(lines, Position.Line::expiresMs);
        b.longs(lines, Position.Line::givenGpuUs);
        b.longs(lines, Position.Line::burntGpuUs);
        b.longs(lines, Position.Line::lapsedGpuUs);
        b.strings(lines, Position.Line::note);
        b.number(revision, 8);
        return new SinkRow(SinkTable.QUOTA_STATE, b.row());
    }

    /** A decision as it was published. */
    public static SinkRow decision(QuotaDecisionRecord decision) {
        RowBinary b = new RowBinary();
        b.string(decision.getGrantId());
        b.number(decision.getSequence(), 8);
        b.string(decision.getAction().name());
        b.string(decision.getState().name());
        b.number(decision.getEffectiveAtMs(), 8);
        b.number(decision.getDecidedAtMs(), 8);
        b.number(decision.getBudgetGpuUs(), 8);
        b.number(decision.getSettledGpuUs(), 8);
        b.number(decision.getRunningGpuUs(), 8);
        b.number(decision.getCommittedGpuUs(), 8);
        b.octet(decision.getDryRun() ? 1 : 0);
        b.string(decision.getReason());
        return new SinkRow(SinkTable.QUOTA_DECISIONS, b.row());
    }
}
