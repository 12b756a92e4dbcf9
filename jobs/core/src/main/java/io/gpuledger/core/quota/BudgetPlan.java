package io.gpuledger.core.quota;

import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The dated lines of a budget. What expires first burns first; what expires unused lapses; use
 * beyond all lines is a debt that the next line pays; what is taken away burns like use, before all
 * from a line that expires with it: a transfer takes along what it was given with.
 */
public final class BudgetPlan {
    private record Credit(long atMs, long expiresMs, long gpuUs, String note) {}

    private record Debit(long atMs, long expiresMs, long gpuUs) {}

    private final List<Credit> credits = new ArrayList<>();
    private final List<Debit> debits = new ArrayList<>();
    private final SortedSet<Long> cuts = new TreeSet<>();
    private final boolean limited;

    /** Lines of a grant and the manual credits to it. */
    public BudgetPlan(List<BudgetLine> lines, List<Adjustment> adjustments) {
        limited = !lines.isEmpty();
        for (BudgetLine line : lines) {
            add(line.atMs(), line.expiresMs(), line.gpuUs(), line.note());
        }
        for (Adjustment adjustment : adjustments) {
            add(adjustment.atMs(), Span.OPEN_END, adjustment.gpuUs(), adjustment.reason());
        }
        credits.sort(
                Comparator.comparingLong(Credit::expiresMs)
                        .thenComparingLong(Credit::atMs)
                        .thenComparingLong(Credit::gpuUs)
                        .thenComparing(Credit::note));
        debits.sort(
                Comparator.comparingLong(Debit::atMs)
                        .thenComparingLong(Debit::expiresMs)
                        .thenComparingLong(Debit::gpuUs));
    }

    private void add(long atMs, long expiresMs, long gpuUs, String note) {
        if (gpuUs > 0) {
            credits.add(new Credit(atMs, expiresMs, gpuUs, note));
            cut(expiresMs);
        } else if (gpuUs < 0) {
            debits.add(new Debit(atMs, expiresMs, Math.negateExact(gpuUs)));
        }
        cut(atMs);
    }

    private void cut(long atMs) {
        if (atMs != Effective.OPEN_START && atMs != Span.OPEN_END) {
            cuts.add(atMs);
        }
    }

    /** A grant without lines has no limit; adjustments alone make none. */
    public boolean isLimited() {
        return limited;
    }

    /** Instants at which lines begin or expire: between them the budget stays what it is. */
    public SortedSet<Long> cuts() {
        return cuts;
    }

    /** The first one after an instant, {@link Span#OPEN_END} when there is none. */
    public long nextCutAfter(long instantMs) {
        SortedSet<Long> later = cuts.tailSet(instantMs + 1);
        return later.isEmpty() ? Span.OPEN_END : later.first();
    }

    /**
     * What is left at an instant.
     *
     * @param usage asked at {@link #cuts} before the instant and at the instant itself
     */
    public Position at(long instantMs, Usage usage) {
        Burning burning = new Burning();
        burning.begin(Effective.OPEN_START);
        long used = 0;
        for (long cut : cuts) {
            if (cut > instantMs) {
                break;
            }
            long until = usage.until(cut);
            burning.burn(until - used);
            used = until;
            burning.expire(cut);
            burning.begin(cut);
        }
        long until = usage.until(instantMs);
        burning.burn(until - used);
        return burning.position(instantMs, until);
    }

    /** The lines as they burn, one after the other. */
    private final class Burning {
        private final long[] burnt = new long[credits.size()];
        private final long[] lapsed = new long[credits.size()];
        private final boolean[] open = new boolean[credits.size()];
        private long debt;

        void begin(long atMs) {
            for (int i = 0; i < burnt.length; i++) {
                if (credits.get(i).atMs() == atMs) {
                    open[i] = true;
                    long paid = Math.min(debt, credits.get(i).gpuUs());
                    burnt[i] = paid;
                    debt -= paid;
                }
            }
            for (Debit debit : debits) {
                if (debit.atMs() == atMs) {
                    burn(debit.gpuUs(), debit.expiresMs());
                }
            }
        }

        void expire(long atMs) {
            for (int i = 0; i < burnt.length; i++) {
                if (open[i] && credits.get(i).expiresMs() == atMs) {
                    lapsed[i] = credits.get(i).gpuUs() - burnt[i];
                    open[i] = false;
                }
            }
        }

        /** Before all from lines that expire at an instant. */
        private void burn(long gpuUs, long firstExpiringMs) {
            long rest = gpuUs;
            for (int i = 0; i < burnt.length; i++) {
                if (credits.get(i).expiresMs() == firstExpiringMs) {
                    rest = take(i, rest);
                }
            }
            burn(rest);
        }

        void burn(long gpuUs) {
            long rest = gpuUs;
            for (int i = 0; i < burnt.length && rest > 0; i++) {
                rest = take(i, rest);
            }
            debt = Math.addExact(debt, rest);
        }

        private long take(int line, long gpuUs) {
            if (!open[line]) {
                return gpuUs;
            }
            long taken = Math.min(gpuUs, credits.get(line).gpuUs() - burnt[line]);
            burnt[line] += taken;
            return gpuUs - taken;
        }

        Position position(long atMs, long usedGpuUs) {
            List<Position.Line> lines = new ArrayList<>();
            long left = -debt;
            long allLapsed = 0;
            for (int i = 0; i < burnt.length; i++) {
                Credit credit = credits.get(i);
                if (credit.atMs() <= atMs) {
                    Position.Line line =
                            new Position.Line(
                                    credit.atMs(),
                                    credit.expiresMs(),
                                    credit.gpuUs(),
                                    burnt[i],
                                    lapsed[i],
                                    credit.note());
                    lines.add(line);
                    left = Math.addExact(left, line.leftGpuUs());
                    allLapsed = Math.addExact(allLapsed, line.lapsedGpuUs());
                }
            }
            return new Position(atMs, Math.addExact(usedGpuUs, left), usedGpuUs, allLapsed, lines);
        }
    }
}
