package io.gpuledger.statements;

import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.statement.Cuts;
import io.gpuledger.core.statement.Knowledge;
import io.gpuledger.core.statement.Period;
import io.gpuledger.core.statement.Statement;
import io.gpuledger.core.statement.Statements;
import io.gpuledger.sql.Warehouse;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Closes months. The knowledge time of a month is written down before anything else, so a close
 * that was killed is repeated with the same result.
 */
public final class Closing {
    private final StatementBook book;
    private final KnownLedger ledger;
    private final AppliedRegistries registries;
    private final Warehouse warehouse;

    /**
     * What to close.
     *
     * @param grantId only this one, empty for all
     * @param override why to close although something is open, empty for not to
     * @param knownAtMs the knowledge time; empty: {@code lagMs} before now
     * @param lagMs how long what is written may take to be seen
     * @param toleranceMs unexplained GPU time of a cluster that does not matter
     * @param closedBy who closes
     */
    public record Request(
            Period period,
            String grantId,
            String override,
            OptionalLong knownAtMs,
            long nowMs,
            long lagMs,
            long toleranceMs,
            String closedBy) {}

    /** What came of it. */
    public sealed interface Outcome {
        /**
         * Something is open; nothing was written.
         *
         * @param open for people
         */
        record Refused(List<String> open) implements Outcome {}

        /**
         * It is closed.
         *
         * @param written now; what was closed before stays as it was
         * @param month present when the month is closed for all grants
         */
        record Closed(Close close, List<Statement> written, Optional<ClosedMonth> month)
                implements Outcome {}
    }

    public Closing(Warehouse warehouse) {
        this.warehouse = warehouse;
        book = new StatementBook(warehouse);
        ledger = new KnownLedger(warehouse);
        registries = new AppliedRegistries(warehouse);
    }

    /**
     * Closes a month.
     *
     * @throws StatementException when it cannot be closed at all
     */
    public Outcome close(Request request) {
        Period period = request.period();
        List<Close> closes = book.closes();
        List<ClosedMonth> months = book.months();
        requireZone(closes, period.zone());
        requireOrder(closes, months, period);
        Optional<Close> begun = find(closes, period);
        Optional<ClosedMonth> closed =
                months.stream().filter(m -> m.period().equals(period.name())).findFirst();
        if (begun.isPresent() && closed.isPresent()) {
            requireStated(request.grantId(), period);
            return new Outcome.Closed(begun.get(), List.of(), closed);
        }
        Optional<Close> previous = find(closes, period.previous());
        if (begun.isEmpty()) {
            long knownAtMs = knownAtMs(request, previous);
            long version = registries.versionAt(knownAtMs);
            requireGrant(request.grantId(), registries.get(version));
            requireWholeHours(registries.get(version), period);
            List<String> open =
                    new OpenItems(warehouse, period, knownAtMs).find(request.toleranceMs());
            if (!open.isEmpty() && request.override().isEmpty()) {
                return new Outcome.Refused(open);
            }
            book.begin(
                    new Close(
                            period,
                            knownAtMs,
                            version,
                            open.isEmpty() ? "" : request.override(),
                            open,
                            request.closedBy()));
            begun = find(book.closes(), period);
        }
        Close close = begun.orElseThrow();
        if (request.knownAtMs().isPresent()
                && request.knownAtMs().getAsLong() != close.knownAtMs()) {
            throw new StatementException(
                    "%s was begun as known at %s; leave --known-at out"
                            .formatted(period.name(), Instant.ofEpochMilli(close.knownAtMs())));
        }
        return state(close, previous, request.grantId());
    }

    private Outcome state(Close close, Optional<Close> previous, String only) {
        Period period = close.period();
        Knowledge before = previous.map(p -> known(p, period.previous())).orElse(Knowledge.NONE);
        Knowledge now = known(close, period);
        Statements statements = new Statements(before, now, period, close.override());
        SortedSet<String> grants = new TreeSet<>(now.grants());
        grants.addAll(before.grants());
        if (!only.isEmpty() && !grants.contains(only)) {
            throw unknown(only);
        }
        Set<String> kept = new HashSet<>();
        book.list("", period.name()).forEach(s -> kept.add(s.grantId()));
        SortedMap<String, KeptStatement> last = book.lastBefore(period.name());
        List<Statement> written = new ArrayList<>();
        boolean all = true;
        for (String grant : grants) {
            if (kept.contains(grant)) {
                continue;
            }
            KeptStatement lastOne = last.get(grant);
            Optional<Statement> statement =
                    statements.of(
                            grant,
                            lastOne == null ? 1 : lastOne.sequence() + 1,
                            lastOne == null ? "" : lastOne.digest());
            if (only.isEmpty() || only.equals(grant)) {
                statement.ifPresent(written::add);
            } else {
                all &= statement.isEmpty();
            }
        }
        requireStillFirst(close);
        book.keep(written);
        return new Outcome.Closed(
                close, written, all ? Optional.of(book.finish(close)) : Optional.empty());
    }

    /**
     * Of two that begin a month in the same instant the one that ClickHouse gave the earlier time
     * counts, and the other may have seen only itself. By now, long after, it sees both.
     */
    private void requireStillFirst(Close close) {
        Close first = find(book.closes(), close.period()).orElseThrow();
        if (!first.equals(close)) {
            throw new StatementException(
                    "somebody else began to close %s in the same moment, as known at %s; run this again"
                            .formatted(
                                    close.period().name(),
                                    Instant.ofEpochMilli(first.knownAtMs())));
        }
    }

    private Knowledge known(Close close, Period last) {
        return ledger.at(
                close.knownAtMs(),
                close.registryVersion(),
                registries.get(close.registryVersion()),
                last);
    }

    private static Optional<Close> find(List<Close> closes, Period period) {
        return closes.stream().filter(c -> c.period().month().equals(period.month())).findFirst();
    }

    private static long knownAtMs(Request request, Optional<Close> previous) {
        long latest = request.nowMs() - request.lagMs();
        long knownAtMs = request.knownAtMs().orElse(latest);
        long end = request.period().span().endMs();
        if (knownAtMs < end) {
            throw new StatementException(
                    "%s is not over: it ends %s and can be closed from %s on"
                            .formatted(
                                    request.period().name(),
                                    Instant.ofEpochMilli(end),
                                    Instant.ofEpochMilli(end + request.lagMs())));
        }
        if (knownAtMs > latest) {
            throw new StatementException(
                    "what was known at %s is not settled yet; give a time before %s"
                            .formatted(
                                    Instant.ofEpochMilli(knownAtMs), Instant.ofEpochMilli(latest)));
        }
        if (previous.isPresent() && knownAtMs <= previous.get().knownAtMs()) {
            throw new StatementException(
                    "%s was closed as known at %s; give a time after that"
                            .formatted(
                                    previous.get().period().name(),
                                    Instant.ofEpochMilli(previous.get().knownAtMs())));
        }
        return knownAtMs;
    }

    private static void requireZone(List<Close> closes, ZoneId zone) {
        for (Close close : closes) {
            if (!close.period().zone().equals(zone)) {
                throw new StatementException(
                        "statements are in zone %s, not %s; set key zone to it"
                                .formatted(close.period().zone(), zone));
            }
        }
    }

    private static void requireOrder(List<Close> closes, List<ClosedMonth> months, Period period) {
        if (closes.isEmpty() || find(closes, period).isPresent()) {
            return;
        }
        Close last = closes.get(closes.size() - 1);
        boolean done = months.stream().anyMatch(m -> m.period().equals(last.period().name()));
        if (!done) {
            throw new StatementException(
                    "%s is not closed for all grants yet; close it first"
                            .formatted(last.period().name()));
        }
        if (!last.period().next().equals(period)) {
            throw new StatementException(
                    "months close in order: the next one is %s"
                            .formatted(last.period().next().name()));
        }
    }

    private static void requireWholeHours(Registry registry, Period period) {
        List<String> faults = Cuts.undividable(registry, period.span().endMs());
        if (!faults.isEmpty()) {
            throw new StatementException(String.join("; ", faults));
        }
    }

    private void requireGrant(String grantId, Registry registry) {
        if (!grantId.isEmpty()
                && registry.grant(grantId).isEmpty()
                && book.list(grantId, "").isEmpty()
                && !hasUsage(grantId)) {
            throw unknown(grantId);
        }
    }

    private boolean hasUsage(String grantId) {
        return !warehouse
                .query(
                        "SELECT 1 FROM usage_hour_log WHERE has(holders.grant_id, {grant:String}) LIMIT 1",
                        Map.of("grant", grantId))
                .isEmpty();
    }

    private void requireStated(String grantId, Period period) {
        if (!grantId.isEmpty() && book.list(grantId, period.name()).isEmpty()) {
            if (book.list(grantId, "").isEmpty()) {
                throw unknown(grantId);
            }
            throw new StatementException(
                    "grant %s has no statement of %s: there was nothing to state"
                            .formatted(grantId, period.name()));
        }
    }

    private static StatementException unknown(String grantId) {
        return new StatementException(
                "grant %s is not in the registry that was in force, and nothing was charged to it"
                        .formatted(grantId));
    }
}
