package io.gpuledger.statements;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.statement.Period;
import io.gpuledger.core.statement.Statement;
import io.gpuledger.core.statement.StatementLine;
import io.gpuledger.sql.Warehouse;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Where statements are kept. What is written once is never changed. */
public final class StatementBook {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Warehouse warehouse;

    public StatementBook(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /** Months that were begun, in order; of several beginnings of one the first counts. */
    public List<Close> closes() {
        List<Close> closes = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT period, zone, known_at_ms, registry_version, override_reason,
                            arrayStringConcat(open_items, '\\n'), closed_by
                        FROM statement_closes
                        ORDER BY period, begun_at
                        LIMIT 1 BY period
                        """,
                        Map.of())) {
            closes.add(
                    new Close(
                            new Period(YearMonth.parse(row.get(0)), ZoneId.of(row.get(1))),
                            Long.parseLong(row.get(2)),
                            Long.parseLong(row.get(3)),
                            row.get(4),
                            row.get(5).lines().toList(),
                            row.get(6)));
        }
        return closes;
    }

    /** Says that a month is closed now; another process may have said so before. */
    void begin(Close close) {
        ObjectNode row =
                JSON.createObjectNode()
                        .put("period", close.period().name())
                        .put("zone", close.period().zone().getId())
                        .put("known_at_ms", close.knownAtMs())
                        .put("registry_version", close.registryVersion())
                        .put("override_reason", close.override())
                        .put("closed_by", close.closedBy());
        ArrayNode items = row.putArray("open_items");
        close.openItems().forEach(items::add);
        warehouse.insert("statement_closes", List.of(row));
    }

    /** Months that are closed for all grants, in order. */
    public List<ClosedMonth> months() {
        List<ClosedMonth> months = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT period, known_at_ms, statements, digest
                        FROM statement_months FINAL
                        ORDER BY period, closed_at
                        """,
                        Map.of())) {
            months.add(
                    new ClosedMonth(
                            row.get(0),
                            Long.parseLong(row.get(1)),
                            Integer.parseInt(row.get(2)),
                            row.get(3)));
        }
        return months;
    }

    /** Statements by grant and month, with their texts. */
    public List<KeptStatement> of(String grantId, String period) {
        return statements(grantId, period, true);
    }

    /** Statements by grant and month, without their texts; empty names are all. */
    public List<KeptStatement> list(String grantId, String period) {
        return statements(grantId, period, false);
    }

    private List<KeptStatement> statements(String grantId, String period, boolean body) {
        List<KeptStatement> all = new ArrayList<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT grant_id, period, sequence, known_at_ms, registry_version,
                            previous_digest, digest, %s
                        FROM statements_current
                        WHERE ({grant:String} = '' OR grant_id = {grant:String})
                          AND ({period:String} = '' OR period = {period:String})
                        ORDER BY grant_id, period, sequence, digest
                        """
                                .formatted(body ? "body" : "''"),
                        Map.of("grant", grantId, "period", period))) {
            all.add(
                    new KeptStatement(
                            row.get(0),
                            row.get(1),
                            Long.parseLong(row.get(2)),
                            Long.parseLong(row.get(3)),
                            Long.parseLong(row.get(4)),
                            row.get(5),
                            row.get(6),
                            row.get(7)));
        }
        return all;
    }

    /** The last statement of each grant before a month. */
    SortedMap<String, KeptStatement> lastBefore(String period) {
        SortedMap<String, KeptStatement> last = new TreeMap<>();
        for (KeptStatement statement : list("", "")) {
            if (statement.period().compareTo(period) < 0) {
                last.put(statement.grantId(), statement);
            }
        }
        return last;
    }

    /**
     * Keeps statements, all of them or, killed half-way, none: lines are not seen without their
     * statement, and the statements are one block.
     */
    void keep(Collection<Statement> statements) {
        if (statements.isEmpty()) {
            return;
        }
        List<ObjectNode> lines = new ArrayList<>();
        List<ObjectNode> rows = new ArrayList<>();
        for (Statement statement : statements) {
            String body = statement.text();
            String digest = Statement.digest(body);
            for (StatementLine line : statement.lines()) {
                lines.add(row(statement, digest, line));
            }
            rows.add(
                    JSON.createObjectNode()
                            .put("grant_id", statement.grantId())
                            .put("period", statement.period().name())
                            .put("sequence", statement.sequence())
                            .put("known_at_ms", statement.knownAtMs())
                            .put("registry_version", statement.registryVersion())
                            .put("previous_digest", statement.previousDigest())
                            .put("digest", digest)
                            .put("body", body));
        }
        warehouse.insert("statement_lines", lines);
        warehouse.insert("statements", rows);
    }

    private static ObjectNode row(Statement statement, String digest, StatementLine line) {
        return JSON.createObjectNode()
                .put("grant_id", statement.grantId())
                .put("period", statement.period().name())
                .put("digest", digest)
                .put("line", line.number())
                .put("kind", line.kind().name().toLowerCase(Locale.ROOT))
                .put("of_period", line.key().period())
                .put("cluster", line.key().cluster())
                .put("gpu_model", line.key().gpuModel())
                .put("price", line.key().price())
                .put("currency", line.key().currency())
                .put("adjustment_id", line.key().adjustmentId())
                .put("gpu_ms", line.figures().gpuMs())
                .put("charged_gpu_us", line.figures().chargedGpuUs())
                .put("credited_gpu_us", line.figures().creditedGpuUs())
                .put("amount_minor", line.figures().amountMinor())
                .put("note", line.note());
    }

    /** Says that a month is closed for all grants. */
    ClosedMonth finish(Close close) {
        List<KeptStatement> statements = list("", close.period().name());
        ClosedMonth month =
                new ClosedMonth(
                        close.period().name(),
                        close.knownAtMs(),
                        statements.size(),
                        digest(statements));
        warehouse.insert(
                "statement_months",
                List.of(
                        JSON.createObjectNode()
                                .put("period", month.period())
                                .put("known_at_ms", month.knownAtMs())
                                .put("statements", month.statements())
                                .put("digest", month.digest())));
        return month;
    }

    static String digest(List<KeptStatement> statements) {
        return Statement.digest(
                statements.stream().map(s -> s.digest() + "\n").collect(Collectors.joining()));
    }
}
