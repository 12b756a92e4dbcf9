package io.gpuledger.statements;

import io.gpuledger.core.statement.Knowledge;
import io.gpuledger.core.statement.Statement;
import io.gpuledger.core.statement.Statements;
import io.gpuledger.sql.Warehouse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Makes every statement again, from the log of all versions of all hours, and compares bytes. What
 * is kept is only read to be compared.
 */
public final class Verification {
    private final Warehouse warehouse;
    private final StatementBook book;
    private final KnownLedger ledger;
    private final AppliedRegistries registries;
    private final List<String> findings = new ArrayList<>();
    private int statements;
    private int months;

    /**
     * What came out.
     *
     * @param months that were looked at
     * @param statements that were made again
     * @param findings what is wrong, for people; empty when all is as it was
     */
    public record Result(int months, int statements, List<String> findings) {}

    public Verification(Warehouse warehouse) {
        this.warehouse = warehouse;
        book = new StatementBook(warehouse);
        ledger = new KnownLedger(warehouse);
        registries = new AppliedRegistries(warehouse);
    }

    /**
     * Verifies.
     *
     * @param period only this month's statements, empty for all
     * @param grantId only this grant's, empty for all
     */
    public Result verify(String period, String grantId) {
        Map<String, ClosedMonth> closed = new HashMap<>();
        for (ClosedMonth month : book.months()) {
            if (closed.put(month.period(), month) != null) {
                findings.add(
                        "%s is closed twice, with different statements".formatted(month.period()));
            }
        }
        chains(grantId);
        Knowledge before = Knowledge.NONE;
        Close beforeClose = null;
        for (Close close : book.closes()) {
            String name = close.period().name();
            if (period.isEmpty() || period.equals(name)) {
                if (before.equals(Knowledge.NONE) && beforeClose != null) {
                    before = known(beforeClose);
                }
                Knowledge now = known(close);
                month(close, before, now, closed.remove(name), grantId);
                before = now;
            } else {
                closed.remove(name);
            }
            beforeClose = close;
        }
        for (String name : new TreeSet<>(closed.keySet())) {
            findings.add("%s is closed, but nothing says as of when".formatted(name));
        }
        lines(period, grantId);
        return new Result(months, statements, List.copyOf(findings));
    }

    private Knowledge known(Close close) {
        return ledger.at(
                close.knownAtMs(),
                close.registryVersion(),
                registries.get(close.registryVersion()),
                close.period());
    }

    private void month(
            Close close,
            Knowledge before,
            Knowledge now,
            @Nullable ClosedMonth closed,
            String only) {
        String period = close.period().name();
        months++;
        Map<String, KeptStatement> kept = new TreeMap<>();
        book.of(only, period).forEach(s -> kept.put(s.grantId(), s));
        if (closed != null && only.isEmpty()) {
            String digest = StatementBook.digest(book.list("", period));
            if (!digest.equals(closed.digest())) {
                findings.add(
                        "%s: its %d statements are not the %d that it was closed with"
                                .formatted(period, kept.size(), closed.statements()));
            }
        }
        SortedMap<String, KeptStatement> last = book.lastBefore(period);
        Statements made = new Statements(before, now, close.period(), close.override());
        SortedSet<String> grants = new TreeSet<>(now.grants());
        grants.addAll(before.grants());
        grants.addAll(kept.keySet());
        for (String grant : grants) {
            if (!only.isEmpty() && !only.equals(grant)) {
                continue;
            }
            KeptStatement lastOne = last.get(grant);
            Optional<Statement> again =
                    made.of(
                            grant,
                            lastOne == null ? 1 : lastOne.sequence() + 1,
                            lastOne == null ? "" : lastOne.digest());
            compare(grant + "/" + period, kept.get(grant), again, closed != null);
        }
    }

    private void compare(
            String id, @Nullable KeptStatement kept, Optional<Statement> again, boolean closed) {
        if (kept == null) {
            if (closed && again.isPresent()) {
                findings.add("%s is missing".formatted(id));
            }
            return;
        }
        statements++;
        if (!Statement.digest(kept.body()).equals(kept.digest())) {
            findings.add("%s: its text was changed after it was closed".formatted(id));
        }
        if (again.isEmpty()) {
            findings.add("%s: the ledger has nothing to state".formatted(id));
        } else if (!again.get().text().equals(kept.body())) {
            findings.add(
                    "%s: the ledger as known then says otherwise: %s"
                            .formatted(id, difference(kept.body(), again.get().text())));
        }
    }

    /** Where two texts part, with what leads there. */
    private static String difference(String kept, String again) {
        int at = 0;
        while (at < Math.min(kept.length(), again.length())
                && kept.charAt(at) == again.charAt(at)) {
            at++;
        }
        int from = Math.max(0, kept.lastIndexOf(",\"", at));
        return "kept %s, made again %s".formatted(excerpt(kept, from), excerpt(again, from));
    }

    private static String excerpt(String text, int from) {
        return text.substring(Math.min(from, text.length()), Math.min(text.length(), from + 80))
                .strip();
    }

    /** Each statement names the one before, and counts on. */
    private void chains(String only) {
        Map<String, KeptStatement> last = new HashMap<>();
        Set<String> seen = new HashSet<>();
        for (KeptStatement statement : book.list(only, "")) {
            String id = statement.grantId() + "/" + statement.period();
            if (!seen.add(id)) {
                findings.add("%s is there twice, with different texts".formatted(id));
            }
            KeptStatement before = last.put(statement.grantId(), statement);
            if (!statement.previousDigest().equals(before == null ? "" : before.digest())) {
                findings.add(
                        "%s: the chain is broken: it follows %s, which is not the statement before it"
                                .formatted(
                                        id,
                                        statement.previousDigest().isEmpty()
                                                ? "none"
                                                : statement.previousDigest()));
            }
            if (statement.sequence() != (before == null ? 1 : before.sequence() + 1)) {
                findings.add(
                        "%s has number %d after %d"
                                .formatted(
                                        id,
                                        statement.sequence(),
                                        before == null ? 0 : before.sequence()));
            }
        }
    }

    /** The lines that are kept for queries are those of the texts. */
    private void lines(String period, String grantId) {
        for (List<String> row :
                warehouse.query(
                        """
                        WITH kept AS
                        (
                            SELECT grant_id, period, arraySort(groupArray((line, kind, of_period, cluster, gpu_model,
                                price, currency, adjustment_id, gpu_ms, charged_gpu_us, credited_gpu_us, amount_minor, note))) AS lines
                            FROM statement_lines_current
                            GROUP BY grant_id, period
                        ),
                        told AS
                        (
                            SELECT grant_id, period, arrayMap(l -> (
                                toUInt32(JSONExtractUInt(l, 'line')), JSONExtractString(l, 'kind'), JSONExtractString(l, 'period'),
                                JSONExtractString(l, 'cluster'), JSONExtractString(l, 'gpu_model'), JSONExtractString(l, 'price'),
                                JSONExtractString(l, 'currency'), JSONExtractString(l, 'adjustment'), JSONExtractInt(l, 'gpu_ms'),
                                JSONExtractInt(l, 'charged_gpu_us'), JSONExtractInt(l, 'credited_gpu_us'),
                                JSONExtractInt(l, 'amount_minor'), JSONExtractString(l, 'note')),
                                JSONExtractArrayRaw(body, 'lines')) AS lines
                            FROM statements_current
                        )
                        SELECT told.grant_id, told.period
                        FROM told LEFT JOIN kept ON told.grant_id = kept.grant_id AND told.period = kept.period
                        WHERE toString(told.lines) != toString(kept.lines)
                          AND ({grant:String} = '' OR told.grant_id = {grant:String})
                          AND ({period:String} = '' OR told.period = {period:String})
                        ORDER BY 1, 2
                        """,
                        Map.of("grant", grantId, "period", period))) {
            findings.add(
                    "%s/%s: its lines in statement_lines are not those of the statement"
                            .formatted(row.get(0), row.get(1)));
        }
    }
}
