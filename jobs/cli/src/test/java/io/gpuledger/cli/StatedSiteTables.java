package io.gpuledger.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.sql.ReconciliationLog;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.testkit.StatedSite;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Puts a simulated site into ClickHouse as its jobs and people would have, at those times. */
final class StatedSiteTables {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int BATCH = 2_000;

    /** Columns of holders that statements have no use for. */
    private static final List<String> ZEROS =
            List.of(
                    "covered_ms",
                    "active_gpu_us",
                    "sm_active_gpu_us",
                    "tensor_active_gpu_us",
                    "dram_active_gpu_us",
                    "memory_mib_ms",
                    "energy_mj");

    /** SHARED_SLOT. */
    private static final String SHARED = "16";

    private final StatedSite site;
    private final Warehouse warehouse;

    StatedSiteTables(StatedSite site, Warehouse warehouse) {
        this.site = site;
        this.warehouse = warehouse;
    }

    void write() throws RegistryException {
        List<String> rows = new ArrayList<>();
        for (StatedSite.HourVersion version : site.versions()) {
            rows.add(row(version).toString());
        }
        for (int from = 0; from < rows.size(); from += BATCH) {
            insert(rows.subList(from, Math.min(rows.size(), from + BATCH)));
        }
        int version = 0;
        for (StatedSite.Book book : site.books()) {
            version++;
            Registry registry = RegistryText.parse("book " + version, yaml(book));
            String body = RegistryText.of(registry);
            new RegistryLog(warehouse)
                    .add(
                            new RegistryLog.Version(
                                    version,
                                    book.learnedMs(),
                                    "ida",
                                    RegistryText.digest(body),
                                    body));
        }
    }

    private void insert(List<String> rows) {
        warehouse.execute(
                "INSERT INTO usage_hour_log FORMAT JSONEachRow\n" + String.join("\n", rows),
                Map.of());
    }

    private static ObjectNode row(StatedSite.HourVersion v) {
        ObjectNode row =
                JSON.createObjectNode()
                        .put("cluster", v.cluster())
                        .put("host", v.host())
                        .put("gpu_index", v.gpu())
                        .put("window_start", v.hourMs() / 1_000)
                        .put("exists_ms", 3_600_000)
                        .put("gpu_model", v.model())
                        .put("revision", v.revision())
                        .put(
                                "inserted_at",
                                "%d.%03d".formatted(v.learnedMs() / 1_000, v.learnedMs() % 1_000));
        column(row, v, "bucket", StatedSite.Holder::bucket);
        column(row, v, "grant_id", StatedSite.Holder::grant);
        column(row, v, "gpu_ms", h -> Long.toString(h.gpuMs()));
        column(row, v, "charged_gpu_us", h -> Long.toString(h.chargedGpuUs()));
        // One long run for each that pays: what moves to another grant moves to its run.
        column(row, v, "run_id", h -> h.grant().isEmpty() ? "" : v.cluster() + "/" + h.grant());
        for (String name : List.of("job_id", "account", "user", "partition", "qos")) {
            column(row, v, name, h -> "");
        }
        // Every third hour of a card is shared, every third idle for a quarter.
        long third = Math.floorMod(v.hourMs() / 3_600_000 + v.gpu(), 3);
        boolean shared = third == 0;
        boolean idle = third == 1;
        column(row, v, "instance", h -> "-1");
        column(row, v, "flags", h -> shared ? SHARED : "0");
        column(
                row,
                v,
                "held_idle_ms",
                h -> idle && h.bucket().equals("ALLOCATED") ? Long.toString(h.gpuMs() / 4) : "0");
        for (String name : ZEROS) {
            column(row, v, name, h -> "0");
        }
        return row;
    }

    private static void column(
            ObjectNode row,
            StatedSite.HourVersion version,
            String name,
            Function<StatedSite.Holder, String> value) {
        var cells = row.putArray("holders." + name);
        version.holders().forEach(h -> cells.add(value.apply(h)));
    }

    /** All that reconcile would have found of a month. */
    void reconciled(String cluster, StatedSite.Closing closing, long unexplainedMs) {
        long from = closing.month().atDay(1).atStartOfDay(site.zone()).toInstant().toEpochMilli();
        long to =
                closing.month()
                        .plusMonths(1)
                        .atDay(1)
                        .atStartOfDay(site.zone())
                        .toInstant()
                        .toEpochMilli();
        new ReconciliationLog(warehouse)
                .add(
                        new ReconciliationLog.Comparison(
                                cluster,
                                closing.knownAtMs(),
                                from,
                                to,
                                1,
                                0,
                                0,
                                unexplainedMs,
                                0,
                                false,
                                false,
                                "ida"));
    }

    private static String yaml(StatedSite.Book book) {
        StringBuilder text = new StringBuilder("clusters: [north, south]\ngrants:\n");
        for (StatedSite.GrantTerms g : book.grants()) {
            long end = g.toMs() == Long.MAX_VALUE ? 2_524_608_000_000L : g.toMs();
            text.append(
                    "  - id: %s\n    title: Title of <%s> & co\n    pi: Karen Skov\n"
                            .formatted(g.id(), g.id()));
            text.append(
                    "    kind: %s\n".formatted(g.priceList().isEmpty() ? "voucher" : "commercial"));
            text.append("    term: {from: %s, to: %s}\n".formatted(date(g.fromMs()), date(end)));
            if (!g.priceList().isEmpty()) {
                text.append("    price_list: %s\n".formatted(g.priceList()));
            }
            text.append(g.budget().isEmpty() ? "" : "    budget:\n");
            for (StatedSite.Given given : g.budget()) {
                text.append(
                        "      - {kind: %s, at: %s, gpu_us: %d%s}\n"
                                .formatted(
                                        given.initial() ? "initial" : "top-up",
                                        date(given.atMs()),
                                        given.gpuUs(),
                                        given.expiresMs() == Long.MAX_VALUE
                                                ? ""
                                                : ", expires: " + date(given.expiresMs())));
            }
        }
        Map<String, List<StatedSite.Tariff>> lists = new LinkedHashMap<>();
        for (StatedSite.Tariff tariff : book.tariffs()) {
            lists.computeIfAbsent(tariff.list(), l -> new ArrayList<>()).add(tariff);
        }
        text.append("price_lists:\n");
        lists.forEach(
                (name, tariffs) -> {
                    text.append(
                            "  - name: %s\n    currency: %s\n    prices:\n"
                                    .formatted(name, name.equals("yen") ? "JPY" : "DKK"));
                    for (StatedSite.Tariff t : tariffs) {
                        text.append(
                                "      - {%s%s%sper_gpu_hour: %s}\n"
                                        .formatted(
                                                t.model().isEmpty()
                                                        ? ""
                                                        : "model: " + t.model() + ", ",
                                                t.fromMs() == Long.MIN_VALUE
                                                        ? ""
                                                        : "from: " + date(t.fromMs()) + ", ",
                                                t.toMs() == Long.MAX_VALUE
                                                        ? ""
                                                        : "to: " + date(t.toMs()) + ", ",
                                                t.perGpuHour().toPlainString()));
                    }
                });
        text.append(book.credits().isEmpty() ? "" : "adjustments:\n");
        for (StatedSite.Credit c : book.credits()) {
            text.append(
                    "  - {id: %s, grant: %s, at: %s, %s, reason: Cooling, author: ida}\n"
                            .formatted(
                                    c.id(),
                                    c.grant(),
                                    date(c.atMs()),
                                    c.gpuUs() == 0
                                            ? "money: " + c.money().toPlainString()
                                            : "gpu_us: " + c.gpuUs()));
        }
        return text.toString();
    }

    private static String date(long ms) {
        return Instant.ofEpochMilli(ms).toString();
    }
}
