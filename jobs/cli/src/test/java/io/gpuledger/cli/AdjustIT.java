package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.registry.RegistryFiles;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that a node took with it, and what their grants get back. */
class AdjustIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SITE =
            """
            clusters: [c]
            grants:
              - id: voucher
                title: V
                pi: P
                kind: voucher
                term: {from: 2024-01-01T00:00Z, to: 2025-01-01T00:00Z}
                budget: [{kind: initial, at: 2024-01-01T00:00Z, gpu_hours: 1000}]
              - id: payer
                title: P
                pi: P
                kind: commercial
                term: {from: 2024-01-01T00:00Z, to: 2025-01-01T00:00Z}
                price_list: list
            price_lists:
              - name: list
                prices: [{model: h100, per_gpu_hour: 21.505}]
            """;

    private static final long END_MS = 1_709_479_800_000L;

    @TempDir static Path directory;
    private static LocalStack stack;
    private static Warehouse warehouse;

    private record Outcome(int exit, String out, String err) {}

    @BeforeAll
    static void start() {
        stack = LocalStack.open(LocalStack.Options.in(directory.resolve("data")), "AdjustIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
        warehouse = new Warehouse(stack.clickHouseUrl(), "default", "", "credits");
        Migrator.migrate(warehouse);
        // 40 hours each until 2024-03-03T16:00Z; who fails at 15:30 was charged half of the last
        // hour.
        run("c/1/1", "NODE_FAIL", "voucher", 0);
        run("c/2/1", "NODE_FAIL", "payer", 1);
        run("c/3/1", "COMPLETED", "payer", 2);
        run("c/4/1", "BOOT_FAIL", "voucher", 3);
        error("h", 0, 79, END_MS - 12_000, true);
        error("h", 1, 48, END_MS - 12_000, false);
        error("h", 2, 13, END_MS + 10 * 60_000 + 1, true);
        error("other", 0, 31, END_MS, true);
    }

    private static void error(String host, int gpu, long xid, long atMs, boolean isNew) {
        warehouse.execute(
                """
                INSERT INTO gpu_errors (cluster, host, gpu_index, instance, observed_at_ms, xid, is_new)
                VALUES ('c', {host:String}, {gpu:Int16}, -1, {at:Int64}, {xid:Int64}, {new:UInt8})
                """,
                Map.of(
                        "host",
                        host,
                        "gpu",
                        Integer.toString(gpu),
                        "at",
                        Long.toString(atMs),
                        "xid",
                        Long.toString(xid),
                        "new",
                        isNew ? "1" : "0"));
    }

    private static void run(String id, String state, String grant, int gpu) {
        warehouse.execute(
                """
                INSERT INTO usage_hour (cluster, host, gpu_index, window_start, exists_ms, gpu_model, revision,
                    holders.bucket, holders.run_id, holders.job_id, holders.account, holders.user, holders.partition,
                    holders.qos, holders.grant_id, holders.instance, holders.gpu_ms, holders.charged_gpu_us,
                    holders.covered_ms, holders.active_gpu_us, holders.sm_active_gpu_us, holders.tensor_active_gpu_us,
                    holders.dram_active_gpu_us, holders.memory_mib_ms, holders.energy_mj, holders.held_idle_ms,
                    holders.flags)
                SELECT 'c', 'h', {gpu:Int16}, toDateTime('2024-03-02 00:00:00', 'UTC') + number * 3600, m, 'h100', 1,
                    ['ALLOCATED'], [{run:String}], ['7'], ['a'], ['eva'], ['p'], ['q'], [{grant:String}], [-1], [m], [m * 1000],
                    [0], [0], [0], [0], [0], [0], [0], [0], [0]
                FROM (SELECT number, if(number = 39, 1800000, 3600000) AS m FROM numbers(40))
                """,
                Map.of("gpu", Integer.toString(gpu), "run", id, "grant", grant));
        warehouse.execute(
                """
                INSERT INTO runs (cluster, run_id, job_id, user, state, start_ms, held_end_ms, revision)
                VALUES ('c', {run:String}, '7', 'eva', {state:String}, 1709337600000, 1709479800000, 1)
                """,
                Map.of("run", id, "state", state));
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @Test
    void what_a_lost_run_was_charged_last_is_proposed_and_what_is_accepted_is_in_the_registry()
            throws Exception {
        Path site = Files.createDirectories(directory.resolve("site"));
        Files.writeString(site.resolve("site.yaml"), SITE);
        assertThat(command("adjust", "propose", "--month=2024-03").err())
                .contains("no registry is in force");
        apply(site, 1);

        JsonNode proposed = propose();
        assertThat(proposed).hasSize(3);
        JsonNode voucher = proposed.path(0);
        assertThat(voucher.path("run_id").asText()).isEqualTo("c/1/1");
        assertThat(voucher.path("at").asText()).isEqualTo("2024-03-03T15:30:00Z");
        assertThat(voucher.path("gpu_us").asLong())
                .as("23 whole hours that begin in the 24 before the end, and half an hour")
                .isEqualTo(23 * 3_600_000_000L + 1_800_000_000L);
        assertThat(voucher.path("currency").asText()).isEmpty();
        assertThat(voucher.path("xid_errors"))
                .as("not what was there before, much later, or on another host")
                .hasSize(1);
        assertThat(voucher.at("/xid_errors/0/xid").asLong()).isEqualTo(79);
        assertThat(voucher.at("/xid_errors/0/ms_after_end").asLong()).isEqualTo(-12_000);
        assertThat(command("adjust", "propose", "--month=2024-03").out())
                .contains("79 on h/0 12 s before");
        JsonNode payer = proposed.path(1);
        assertThat(payer.path("gpu_us").asLong()).isZero();
        assertThat(payer.path("money").asText()).as("23.5 x 21.505").isEqualTo("505.37");

        String accepted = voucher.path("id").asText();
        String rejected = proposed.path(2).path("id").asText();
        Outcome done =
                command(
                        "adjust",
                        "accept",
                        accepted,
                        "--registry=" + site,
                        "--author=ida",
                        "--reason=Power \"failed\": rack 7");
        assertThat(done.exit()).as(done.err()).isZero();
        assertThat(
                        command("adjust", "accept", payer.path("id").asText(), "--registry=" + site)
                                .exit())
                .isZero();
        assertThat(command("adjust", "accept", accepted, "--registry=" + site).err())
                .contains("is accepted already");
        assertThat(command("adjust", "reject", rejected, "--reason=Ran for a minute").exit())
                .isZero();
        assertThat(propose()).isEmpty();
        assertThat(propose("--all")).hasSize(3);

        Registry registry = RegistryFiles.read(site);
        assertThat(registry.adjustments())
                .extracting(Adjustment::grantId)
                .containsExactlyInAnyOrder("voucher", "payer");
        Adjustment adjustment =
                registry.adjustments().stream()
                        .filter(a -> a.id().equals(accepted))
                        .findFirst()
                        .orElseThrow();
        assertThat(adjustment.reason()).isEqualTo("Power \"failed\": rack 7");
        assertThat(adjustment.author()).isEqualTo("ida");
        assertThat(adjustment.gpuUs()).isEqualTo(voucher.path("gpu_us").asLong());
    }

    @Test
    void a_registry_that_is_wrong_gets_no_credit() throws Exception {
        Path site = Files.createDirectories(directory.resolve("wrong"));
        Files.writeString(
                site.resolve("site.yaml"), SITE.replace("price_list: list", "price_list: lost"));
        Outcome refused =
                command("adjust", "accept", "credit-0000000000000000", "--registry=" + site);
        assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(site.resolve("credits.yaml")).doesNotExist();
    }

    private static void apply(Path site, long version) throws Exception {
        String body = RegistryText.of(RegistryFiles.read(site));
        new RegistryLog(warehouse)
                .add(
                        new RegistryLog.Version(
                                version,
                                Instant.parse("2024-01-01T00:00:00Z").toEpochMilli(),
                                "ida",
                                RegistryText.digest(body),
                                body));
    }

    private static JsonNode propose(String... more) throws Exception {
        List<String> words =
                new ArrayList<>(List.of("adjust", "propose", "--month=2024-03", "--json"));
        words.addAll(List.of(more));
        Outcome outcome = command(words.toArray(new String[0]));
        assertThat(outcome.exit()).as(outcome.err()).isZero();
        return JSON.readTree(outcome.out());
    }

    private static Outcome command(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>();
        all.add("--data=" + directory.resolve("data"));
        all.add("--database=credits");
        all.addAll(List.of(words));
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(new String[0]));
        return new Outcome(exit, out.toString(), err.toString());
    }
}
