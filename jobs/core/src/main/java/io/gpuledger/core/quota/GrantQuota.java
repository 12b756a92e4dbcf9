package io.gpuledger.core.quota;

import io.gpuledger.core.registry.Action;
import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Optional;

/**
 * The rules of one grant: a function of how it stood, what was used, and the time. Nothing here
 * knows where usage comes from.
 */
public final class GrantQuota {
    /** A forecast beyond is none. */
    public static final long FORECAST_MS = 10L * 366 * 86_400_000;

    private final Grant grant;
    private final BudgetPlan plan;

    /** Of a grant and the adjustments of this grant. */
    public GrantQuota(Grant grant, List<Adjustment> adjustments) {
        this.grant = grant;
        this.plan = new BudgetPlan(grant.budget(), adjustments);
    }

    public Grant grant() {
        return grant;
    }

    public BudgetPlan plan() {
        return plan;
    }

    /** Budget and use at an instant; see {@link BudgetPlan#at} for when usage is asked. */
    public Position position(long nowMs, Usage usage) {
        return plan.at(nowMs, usage);
    }

    /**
     * What has to be decided now, if anything: the next decision repeats nothing of the last one.
     *
     * @param usage exact at all times
     */
    public Optional<Decision> decide(Standing before, Usage usage, long nowMs) {
        Position position = position(nowMs, usage);
        QuotaState level = level(before.level(), position);
        long exhaustedSince = exhaustedSince(before, level, usage, nowMs);
        boolean outside = !grant.term().contains(nowMs);
        QuotaState state = outside ? QuotaState.EXPIRED : level;
        Action action = byLevel(level, exhaustedSince, nowMs);
        if (outside) {
            action = stricter(action, outsideTerm(nowMs));
        }
        boolean dryRun = grant.enforcement().dryRun();
        Standing now =
                new Standing(
                        state,
                        level,
                        exhaustedSince,
                        action,
                        dryRun,
                        Math.addExact(before.sequence(), 1));
        if (state == before.state() && action == before.action() && isSame(before, dryRun)) {
            return Optional.empty();
        }
        long effective = effectiveAt(before, now, usage, nowMs);
        return Optional.of(
                new Decision(now, position, effective, nowMs, reason(now, position, nowMs)));
    }

    /** Whether carrying it out changes matters only where there is something to carry out. */
    private static boolean isSame(Standing before, boolean dryRun) {
        return before.dryRun() == dryRun || before.action() == Action.ALLOW;
    }

    /**
     * How a grant stands without a decision being due: what {@link #decide} would begin with next
     * time. The level may fall behind a state that hides it.
     */
    public Standing standing(Standing before, Usage usage, long nowMs) {
        QuotaState level = level(before.level(), position(nowMs, usage));
        return new Standing(
                before.state(),
                level,
                exhaustedSince(before, level, usage, nowMs),
                before.action(),
                before.dryRun(),
                before.sequence());
    }

    /** Until a level is left, use must fall below its threshold by the hysteresis. */
    private QuotaState level(QuotaState before, Position position) {
        QuotaState now = level(position, 0);
        if (now.compareTo(before) >= 0) {
            return now;
        }
        QuotaState kept = level(position, grant.thresholds().hysteresisPpm());
        return kept.compareTo(before) > 0 ? before : kept;
    }

    private QuotaState level(Position position, long marginPpm) {
        if (!plan.isLimited()) {
            return QuotaState.OK;
        }
        long used = position.usedGpuUs();
        for (QuotaState level :
                List.of(QuotaState.EXHAUSTED, QuotaState.CRITICAL, QuotaState.WARNING)) {
            if (used >= threshold(level, position.budgetGpuUs(), marginPpm)) {
                return level;
            }
        }
        return QuotaState.OK;
    }

    /** Use from which on a level is reached: the share of the budget, rounded up. */
    private long threshold(QuotaState level, long budgetGpuUs, long marginPpm) {
        Thresholds thresholds = grant.thresholds();
        long ppm =
                switch (level) {
                    case OK -> 0;
                    case WARNING -> thresholds.warningPpm();
                    case CRITICAL -> thresholds.criticalPpm();
                    case EXHAUSTED, EXPIRED -> Thresholds.WHOLE_PPM;
                };
        return share(budgetGpuUs, ppm - marginPpm);
    }

    static long share(long gpuUs, long ppm) {
        long millions = Math.floorDiv(gpuUs, Thresholds.WHOLE_PPM);
        long rest = Math.floorMod(gpuUs, Thresholds.WHOLE_PPM);
        return Math.addExact(
                Math.multiplyExact(millions, ppm),
                -Math.floorDiv(-rest * ppm, Thresholds.WHOLE_PPM));
    }

    private long exhaustedSince(Standing before, QuotaState level, Usage usage, long nowMs) {
        if (level != QuotaState.EXHAUSTED) {
            return Span.OPEN_END;
        }
        return before.exhaustedSinceMs() != Span.OPEN_END
                ? before.exhaustedSinceMs()
                : reachedAt(QuotaState.EXHAUSTED, usage, nowMs);
    }

    private Action byLevel(QuotaState level, long exhaustedSinceMs, long nowMs) {
        Enforcement enforcement = grant.enforcement();
        return switch (level) {
            case OK -> Action.ALLOW;
            case WARNING -> enforcement.onWarning();
            case CRITICAL -> enforcement.onCritical();
            case EXHAUSTED, EXPIRED ->
                    nowMs < exhaustedSinceMs + enforcement.graceMs()
                            ? enforcement.onCritical()
                            : enforcement.onExhausted();
        };
    }

    private Action outsideTerm(long nowMs) {
        Enforcement enforcement = grant.enforcement();
        boolean grace =
                nowMs >= grant.term().endMs()
                        && nowMs < grant.term().endMs() + enforcement.graceMs();
        return grace ? enforcement.onCritical() : enforcement.onExpired();
    }

    private static Action stricter(Action a, Action b) {
        return a.compareTo(b) >= 0 ? a : b;
    }

    private long effectiveAt(Standing before, Standing now, Usage usage, long nowMs) {
        long grace = grant.enforcement().graceMs();
        long at = nowMs;
        if (now.state() == QuotaState.EXPIRED) {
            if (nowMs >= grant.term().endMs()) {
                boolean entered = before.state() != QuotaState.EXPIRED;
                at = grant.term().endMs() + (entered ? 0 : grace);
            }
        } else if (now.state().compareTo(before.state()) > 0) {
            at = reachedAt(now.state(), usage, nowMs);
        } else if (now.state() == QuotaState.EXHAUSTED
                && before.state() == QuotaState.EXHAUSTED
                && grace > 0) {
            at = now.exhaustedSinceMs() + grace;
        }
        return Math.min(at, nowMs);
    }

    /**
     * Since when use has been at or above a level without a break: budgets that grow and lapse on
     * the way are reckoned with.
     *
     * @return {@code nowMs} when it is below now
     */
    long reachedAt(QuotaState level, Usage usage, long nowMs) {
        long end = nowMs;
        long start = lastCutAt(nowMs);
        long since = nowMs;
        while (true) {
            Position atStart = plan.at(Math.max(start, FIRST_MS), usage);
            long needed = threshold(level, atStart.budgetGpuUs(), 0);
            long crossed = usage.firstReaching(needed, Math.max(start, FIRST_MS), end);
            if (crossed < 0) {
                return since;
            }
            since = crossed;
            if (crossed > start || start == FIRST_MS) {
                return since;
            }
            // Reached when the interval began: maybe before it did.
            end = start - 1;
            start = lastCutAt(end);
            if (usage.until(end) < threshold(level, plan.at(end, usage).budgetGpuUs(), 0)) {
                return since;
            }
        }
    }

    /** Nothing was used before the epoch. */
    private static final long FIRST_MS = 0;

    private long lastCutAt(long atMs) {
        var before = plan.cuts().headSet(atMs + 1);
        return before.isEmpty() ? FIRST_MS : Math.max(FIRST_MS, before.last());
    }

    /**
     * The next instant at which something may have to be decided if nothing is learned before.
     *
     * @param usage as in {@link #position}, and at all later times
     * @return {@link Span#OPEN_END} for none
     */
    public long nextInstant(Standing standing, Usage usage, long nowMs) {
        long next = plan.nextCutAfter(nowMs);
        long grace = grant.enforcement().graceMs();
        next = earlier(next, nowMs, grant.term().startMs());
        if (grant.term().endMs() != Span.OPEN_END) {
            next = earlier(next, nowMs, grant.term().endMs());
            next = earlier(next, nowMs, grant.term().endMs() + grace);
        }
        if (standing.exhaustedSinceMs() != Span.OPEN_END) {
            next = earlier(next, nowMs, standing.exhaustedSinceMs() + grace);
        }
        if (plan.isLimited()) {
            long budget = position(nowMs, usage).budgetGpuUs();
            long last = Math.min(next - 1, nowMs + FORECAST_MS);
            for (QuotaState level :
                    List.of(QuotaState.WARNING, QuotaState.CRITICAL, QuotaState.EXHAUSTED)) {
                long needed = threshold(level, budget, 0);
                if (usage.until(nowMs) < needed) {
                    long crossed = usage.firstReaching(needed, nowMs + 1, last);
                    return crossed < 0 ? next : crossed;
                }
            }
        }
        return next;
    }

    private static long earlier(long next, long nowMs, long candidateMs) {
        return candidateMs > nowMs && candidateMs != Effective.OPEN_START
                ? Math.min(next, candidateMs)
                : next;
    }

    /**
     * When the budget will be used up if use goes on as a function says; lines that begin and
     * expire on the way are reckoned with.
     *
     * @return {@code nowMs} when it is already, -1 when it is not within {@link #FORECAST_MS}
     */
    public long exhaustsAt(Usage usage, long nowMs) {
        if (!plan.isLimited()) {
            return -1;
        }
        long from = nowMs;
        long last = nowMs + FORECAST_MS;
        while (from <= last) {
            long budget = plan.at(from, usage).budgetGpuUs();
            long to = Math.min(last, plan.nextCutAfter(from) - 1);
            long crossed = usage.firstReaching(budget, from, to);
            if (crossed >= 0) {
                return crossed;
            }
            from = to + 1;
        }
        return -1;
    }

    /**
     * Use that goes on at a mean rate from an instant on.
     *
     * @param burntGpuUs what was used in the last {@code windowMs}
     */
    public static Usage trailing(Usage usage, long nowMs, long burntGpuUs, long windowMs) {
        return at ->
                at <= nowMs
                        ? usage.until(at)
                        : Stretch.sum(usage.until(nowMs), scaled(burntGpuUs, at - nowMs, windowMs));
    }

    /** {@code gpuUs * ms / windowMs}, rounded down, where the product alone would not fit. */
    private static long scaled(long gpuUs, long ms, long windowMs) {
        long perMs = Stretch.product(gpuUs / windowMs, ms);
        long rest = gpuUs % windowMs;
        long windows = Stretch.product(rest, ms / windowMs);
        return Stretch.sum(perMs, Stretch.sum(windows, rest * (ms % windowMs) / windowMs));
    }

    private String reason(Standing now, Position position, long nowMs) {
        if (now.state() == QuotaState.EXPIRED) {
            return nowMs < grant.term().startMs() ? "the term has not begun" : "the term has ended";
        }
        if (!plan.isLimited()) {
            return "no budget limits it";
        }
        String used = hours(position.usedGpuUs());
        String of = hours(position.budgetGpuUs());
        String share =
                position.budgetGpuUs() <= 0
                        ? ""
                        : " (%s %%)"
                                .formatted(
                                        BigDecimal.valueOf(position.usedGpuUs())
                                                .multiply(BigDecimal.valueOf(100))
                                                .divide(
                                                        BigDecimal.valueOf(position.budgetGpuUs()),
                                                        2,
                                                        RoundingMode.DOWN));
        String grace =
                now.level() == QuotaState.EXHAUSTED
                                && nowMs < now.exhaustedSinceMs() + grant.enforcement().graceMs()
                        ? ", in grace"
                        : "";
        return "%s of %s GPU-hours used%s%s".formatted(used, of, share, grace);
    }

    private static String hours(long gpuUs) {
        return BigDecimal.valueOf(gpuUs)
                .divide(
                        BigDecimal.valueOf(BudgetLine.GPU_US_PER_GPU_HOUR),
                        3,
                        RoundingMode.HALF_EVEN)
                .toPlainString();
    }
}
