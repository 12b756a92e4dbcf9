package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code reconcile} on our recording of a real Slurm, against the sreport of that Slurm, with a
 * real ClickHouse.
 */
class ReconcileIT {
    private static final String FULL = "--database=full";
    private static final String ACCOUNTING_ONLY = "--database=accounting_only";
    private static final String INTERRUPTED = "--database=interrupted";

    /** When the interrupted ledger heard the last of the cluster. */
    private static final long INTERRUPTED_AT = 1795435030;

    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir static Path directory;
    private static LocalStack stack;

    private record Outcome(int exit, String out, String err) {}

    @BeforeAll
    static void backfill() throws IOException {
        stack = LocalStack.open(LocalStack.Options.in(directory.resolve("data")), "ReconcileIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
        Path recording = directory.resolve("recording");
        Path begin = directory.resolve("begin");
        Files.createDirectories(recording);
        Files.createDirectories(begin);
        for (DemoRecording.Item item : DemoRecording.load().items()) {
            Files.writeString(recording.resolve(item.fileName()), item.text());
            boolean hook = item.fileName().startsWith("hook");
            if (!hook && Long.parseLong(item.fileName().split("\\.", 2)[0]) <= INTERRUPTED_AT) {
                Files.writeString(begin.resolve(item.fileName()), item.text());
            }
        }
        Files.writeString(recording.resolve("1795435436.nodes.txt"), DemoRecording.load().nodes());
        Path accounting = resource("sacct-D-all.psv.gz");
        for (List<String> words :
                List.of(
                        List.of(FULL, recording.toString(), accounting.toString()),
                        List.of(ACCOUNTING_ONLY, accounting.toString()),
                        List.of(INTERRUPTED, begin.toString()))) {
            List<String> all = new ArrayList<>(List.of(words.get(0), "backfill"));
            all.add("--cluster=fakehpc");
            all.add("--slurm");
            all.addAll(words.subList(1, words.size()));
            Outcome outcome = run(all);
            // Accounting does not name the cards of shards: their time is not counted, a finding.
            boolean uncounted = outcome.err().contains("jobs hold shards of cards");
            assertThat(outcome.exit())
                    .as(outcome.err())
                    .isEqualTo(uncounted ? ExitCode.FINDINGS : ExitCode.DONE);
        }
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "sacct-D-all.psv.gz",
                "sacct-D-all-epoch.psv.gz",
                "sacct-D.json.gz",
                "sacct.json.gz",
                "rest-slurmdb-jobs.json.gz"
            })
    void every_form_of_accounting_gives_sreports_figures_and_every_difference_is_explained(
            String file) throws IOException {
        Outcome outcome = reconcile(FULL, "11:00", "13:00", "--json", "--sacct", path(file));

        assertThat(outcome.exit()).as(outcome.out() + outcome.err()).isZero();
        JsonNode answer = JSON.readTree(outcome.out());
        assertThat(answer.path("explained").asBoolean()).isTrue();
        assertThat(recorded(FULL))
                .isEqualTo(
                        List.of(
                                Long.toString(answer.path("runs_compared").asLong()),
                                Long.toString(
                                        answer.path("total").path("scheduler_gpu_ms").asLong()),
                                "0"));
        assertThat(scheduler(answer)).isEqualTo(sreport("11:00", "12:00"));
        assertThat(reasons(answer.path("total")))
                .isEqualTo(
                        Map.of(
                                "RESIZE", 68_000L,
                                "REQUEUE_REWRITE", 62_000L,
                                "SUSPENDED_CANCEL", -14_000L,
                                "LOST_RUN", -11_000L,
                                "SHARD", -17_000L));
        assertThat(answer.path("runs")).hasSize(6);
    }

    /** The last of a database: what statement close asks for. */
    private static List<String> recorded(String option) {
        return new Warehouse(
                        stack.clickHouseUrl(),
                        "default",
                        "",
                        option.substring("--database=".length()))
                .query(
                        """
                        SELECT runs_compared, scheduler_gpu_ms, unexplained_gpu_ms
                        FROM reconciliations ORDER BY recorded_at DESC LIMIT 1
                        """,
                        Map.of())
                .get(0);
    }

    /** data_parser v0.0.37 lists only the last start of each job, as sacct without -D does. */
    @Test
    void accounting_without_earlier_starts_is_not_explained_away() throws IOException {
        Outcome outcome =
                reconcile(
                        FULL,
                        "11:00",
                        "13:00",
                        "--json",
                        "--sacct",
                        path("rest-jwt-v37-slurmdb-jobs.json.gz"));

        assertThat(outcome.exit()).isEqualTo(ExitCode.FINDINGS);
        for (JsonNode run : JSON.readTree(outcome.out()).path("runs")) {
            JsonNode first = run.path("reasons").path(0);
            if (first.path("reason").asText().equals("UNEXPLAINED")) {
                assertThat(run.path("scheduler_gpu_ms").asLong()).isZero();
                assertThat(first.path("note").asText())
                        .isEqualTo(
                                "accounting has no such row any more (sacct without -D, slurmrestd"
                                        + " before v0.0.38, another span?)");
            }
        }
    }

    @Test
    void totals_by_account_are_the_oracles() throws IOException {
        JsonNode answer =
                JSON.readTree(
                        reconcile(
                                        FULL,
                                        "11:00",
                                        "13:00",
                                        "--json",
                                        "--sacct",
                                        path("sacct-D-all.psv.gz"))
                                .out());
        Map<String, JsonNode> byPayer = new TreeMap<>();
        answer.path("accounts")
                .forEach(
                        a ->
                                byPayer.put(
                                        a.path("account").asText() + "," + a.path("user").asText(),
                                        a));
        List<String> lines = Files.readAllLines(resource("oracle-by-account.csv"));
        assertThat(byPayer).hasSize(lines.size() - 1);
        for (String line : lines.subList(1, lines.size())) {
            String[] cells = line.split(",", -1);
            JsonNode ours = Objects.requireNonNull(byPayer.get(cells[0] + "," + cells[1]), line);
            assertThat(ours.path("scheduler_gpu_ms").asLong())
                    .as(line)
                    .isEqualTo(Long.parseLong(cells[7]) * 1000);
            // The oracle counts no shards and no run that accounting lost.
            JsonNode reasons = ours.path("reasons");
            long held =
                    ours.path("ledger_gpu_ms").asLong()
                            + reasons.path("SHARD").asLong()
                            + reasons.path("LOST_RUN").asLong();
            assertThat(held).as(line).isEqualTo(Long.parseLong(cells[5]) * 1000);
        }
    }

    @Test
    void the_named_runs_are_those_that_the_recording_is_known_to_differ_in() throws IOException {
        Outcome outcome =
                reconcile(
                        FULL,
                        "11:00",
                        "13:00",
                        "--format=csv",
                        "--sacct",
                        path("sacct-D-all.psv.gz"));

        assertThat(outcome.out().lines())
                .containsExactly(
                        "run_id,job_id,account,user,scheduler_gpu_ms,ledger_gpu_ms,difference_gpu_ms,reason,gpu_ms,from_ms,to_ms,note",
                        "fakehpc/63/1795434894,63,g1,tbalice,256000,188000,68000,RESIZE,68000,1795434894000,1795434928000,",
                        "fakehpc/1/1795434983,1,g4,tbdave,142000,80000,62000,REQUEUE_REWRITE,62000,1795435023000,1795435054000,",
                        "fakehpc/4/1795434848,4,g2,tbbob,20000,34000,-14000,SUSPENDED_CANCEL,-14000,1795434868000,1795434882000,",
                        "fakehpc/27/1795434848,27,g3,tbcarol,0,12750,-12750,SHARD,-12750,1795434848000,1795434865000,",
                        "fakehpc/64/1795434894,64,g1,tbalice,0,11000,-11000,LOST_RUN,-11000,1795434894000,1795434905000,",
                        "fakehpc/28/1795434848,28,g3a,tbcarol,0,4250,-4250,SHARD,-4250,1795434848000,1795434865000,");
    }

    @Test
    void each_hour_is_sreports_hour() throws IOException {
        for (String hour : List.of("11:00", "12:00")) {
            String end = hour.equals("11:00") ? "12:00" : "13:00";
            Outcome outcome =
                    reconcile(FULL, hour, end, "--json", "--sacct", path("sacct-D-all.psv.gz"));
            assertThat(outcome.exit()).as(outcome.out()).isZero();
            assertThat(scheduler(JSON.readTree(outcome.out()))).as(hour).isEqualTo(sreport(hour));
        }
    }

    @Test
    void windows_cut_anywhere_are_explained_and_add_up() throws IOException {
        Map<String, Long> sum = new TreeMap<>();
        long scheduler = 0;
        for (int minute = 54; minute < 66; minute++) {
            Outcome outcome =
                    reconcile(
                            FULL,
                            clock(minute),
                            clock(minute + 1),
                            "--json",
                            "--sacct",
                            path("sacct-D-all.psv.gz"));
            assertThat(outcome.exit()).as(outcome.out()).isZero();
            JsonNode total = JSON.readTree(outcome.out()).path("total");
            scheduler += total.path("scheduler_gpu_ms").asLong();
            reasons(total).forEach((reason, ms) -> sum.merge(reason, ms, Long::sum));
        }
        assertThat(scheduler).isEqualTo(9_595_000);
        assertThat(sum)
                .isEqualTo(
                        Map.of(
                                "RESIZE", 68_000L,
                                "REQUEUE_REWRITE", 62_000L,
                                "SUSPENDED_CANCEL", -14_000L,
                                "LOST_RUN", -11_000L,
                                "SHARD", -17_000L));
    }

    @Test
    void from_accounting_alone_only_the_resize_differs() throws IOException {
        Outcome outcome =
                reconcile(
                        ACCOUNTING_ONLY,
                        "11:00",
                        "13:00",
                        "--json",
                        "--sacct",
                        path("sacct-D.json.gz"));

        assertThat(outcome.exit()).as(outcome.out()).isZero();
        JsonNode answer = JSON.readTree(outcome.out());
        assertThat(scheduler(answer)).isEqualTo(sreport("11:00", "12:00"));
        assertThat(reasons(answer.path("total"))).isEqualTo(Map.of("RESIZE", 68_000L));
    }

    @Test
    void what_the_ledger_has_not_heard_yet_is_in_its_horizon() throws IOException {
        Outcome outcome =
                reconcile(
                        INTERRUPTED,
                        "11:00",
                        "12:00",
                        "--json",
                        "--sacct",
                        path("sacct-D-all.psv.gz"));

        JsonNode answer = JSON.readTree(outcome.out());
        assertThat(scheduler(answer)).isEqualTo(sreport("11:00"));
        Map<String, String> byRun = new TreeMap<>();
        for (JsonNode run : answer.path("runs")) {
            long start = Long.parseLong(run.path("run_id").asText().split("/", -1)[2]);
            String reason = run.path("reasons").path(0).path("reason").asText();
            byRun.put(run.path("run_id").asText(), reason);
            if (start > INTERRUPTED_AT) {
                // The ledger covers this hour, and these are not in it.
                assertThat(reason).as(run.toString()).isEqualTo("UNEXPLAINED");
                assertThat(run.path("reasons").path(0).path("note").asText())
                        .isEqualTo("the ledger has no such run");
            } else {
                assertThat(reason).as(run.toString()).isNotEqualTo("UNEXPLAINED");
            }
        }
        assertThat(byRun.values()).contains("IN_HORIZON", "RESIZE", "LOST_RUN", "SHARD");
        assertThat(outcome.exit()).isEqualTo(ExitCode.FINDINGS);
    }

    @Test
    void instances_and_disputed_cards_are_known_from_the_ledgers_rows() throws IOException {
        Path folder = directory.resolve("sharing");
        Files.createDirectories(folder);
        // Two MIG instances of a card for 18 s; 202 starts on the card that 201 has until 11:58.
        Files.writeString(
                folder.resolve("1795434930.scontrol.txt"),
                poll(25, "11:54:08", "n10", 2, "gpu:1g.10gb:2(IDX:0-1)"));
        Files.writeString(
                folder.resolve("1795435020.scontrol.txt"),
                poll(201, "11:55:00", "n20", 2, "gpu:h100:2(IDX:0-1)")
                        + poll(202, "11:57:00", "n20", 1, "gpu:h100:1(IDX:1)"));
        Files.writeString(
                folder.resolve("layout.json"),
                """
                {"host_configuration": [{"host": "n10", "from": "2026-11-01T00:00:00Z", "slices_per_gpu": 7,
                  "instances": [{"ordinal": 0, "gpu_index": 0, "instance": 7, "slices": 1},
                                {"ordinal": 1, "gpu_index": 0, "instance": 8, "slices": 1}]}]}
                """);
        Path accounting = folder.resolve("sacct.psv");
        Files.writeString(
                accounting,
                """
                JobIDRaw|Submit|State|Start|End|NodeList|Account|User|AllocTRES
                25|2026-11-23T11:54:08|COMPLETED|2026-11-23T11:54:08|2026-11-23T11:56:08|n10|g1|u|gres/gpu=2
                201|2026-11-23T11:55:00|COMPLETED|2026-11-23T11:55:00|2026-11-23T11:58:30|n20|g1|u|gres/gpu=2
                202|2026-11-23T11:57:00|COMPLETED|2026-11-23T11:57:00|2026-11-23T11:59:00|n20|g1|u|gres/gpu=1
                """);
        String database = "--database=sharing";
        Outcome backfill =
                run(
                        List.of(
                                database,
                                "backfill",
                                "--cluster=fakehpc",
                                "--slurm",
                                folder.toString()));
        assertThat(backfill.exit()).as(backfill.err()).isZero();

        Outcome outcome =
                reconcile(database, "11:00", "12:00", "--json", "--sacct", accounting.toString());

        assertThat(outcome.exit()).as(outcome.out()).isZero();
        JsonNode total = JSON.readTree(outcome.out()).path("total");
        assertThat(total.path("scheduler_gpu_ms").asLong()).isEqualTo(240_000 + 420_000 + 120_000);
        Map<String, Long> reasons = reasons(total);
        assertThat(reasons.keySet()).containsExactlyInAnyOrder("MIG_SHARE", "DOUBLE_HOLD");
        assertThat(reasons).containsEntry("DOUBLE_HOLD", 90_000L);
        // Two sevenths of 120 s are held; each instance rounds by itself.
        assertThat(reasons.getOrDefault("MIG_SHARE", 0L)).isBetween(205_713L, 205_715L);
        // A window that begins after the dispute did knows the loser's cards from before.
        Outcome later =
                reconcile(
                        database,
                        "11:58",
                        "12:00",
                        "--format=csv",
                        "--sacct",
                        accounting.toString());
        assertThat(later.exit()).as(later.out()).isZero();
        assertThat(later.out())
                .contains("fakehpc/201/1795434900,201,g1,u,60000,30000,30000,DOUBLE_HOLD,30000,");
    }

    private static String poll(int job, String start, String node, int gpus, String gres) {
        return ("JobId=%d JobName=j UserId=u(70001) GroupId=nogroup(65534) MCS_label=N/A Priority=1 Account=g1 QOS=normal JobState=RUNNING Restarts=0"
                        + " SubmitTime=2026-11-23T%s StartTime=2026-11-23T%s EndTime=2026-11-23T13:00:00"
                        + " SuspendTime=None SecsPreSuspend=0 Partition=batch NodeList=%s"
                        + " TRES=cpu=1,gres/gpu=%d Nodes=%s CPU_IDs=0 Mem=0 GRES=%s%n")
                .formatted(job, start, start, node, gpus, node, gres);
    }

    @Test
    void hours_that_the_ledger_does_not_have_are_not_recorded() throws IOException {
        Path file = directory.resolve("early.psv");
        Files.writeString(
                file,
                "JobIDRaw|Submit|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "9|1795428000|COMPLETED|1795428000|1795428060|n1|g1|tbalice|gres/gpu=2\n");

        Outcome outcome = reconcile(FULL, "10:00", "11:00", "--json", "--sacct", file.toString());

        assertThat(outcome.exit()).isZero();
        assertThat(reasons(JSON.readTree(outcome.out()).path("total")))
                .isEqualTo(Map.of("NOT_RECORDED", 120_000L));
    }

    @Test
    void a_row_that_runs_counts_until_the_file_was_made() throws IOException {
        // Job 1's second start, read while it ran: the ledger knows that it ended.
        Path file = directory.resolve("1795435000.psv");
        Files.writeString(
                file,
                "JobIDRaw|Submit|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|1795434862|RUNNING|1795434983|Unknown|n6|g4|tbdave|gres/gpu=2\n");

        Outcome outcome =
                reconcile(FULL, "11:00", "12:00", "--format=csv", "--sacct", file.toString());

        assertThat(outcome.out())
                .contains("fakehpc/1/1795434983,1,g4,tbdave,34000,80000,-46000,OPEN,-46000,");
    }

    @Test
    void a_missing_row_is_unexplained() throws IOException {
        String lines =
                without(text("sacct-D-all-epoch.psv.gz"), "|1795434983|"); // job 1, second start

        Outcome outcome = reconcileText(FULL, lines);

        assertThat(outcome.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(outcome.out().lines().skip(1).findFirst().orElseThrow())
                .startsWith("fakehpc/1/1795434983,1,g4,tbdave,0,80000,-80000,UNEXPLAINED,-80000,")
                .contains("accounting has no such row any more");
    }

    @Test
    void a_run_that_the_ledger_lacks_is_unexplained() throws IOException {
        Path part = directory.resolve("part.psv");
        Files.writeString(part, without(text("sacct-D-all-epoch.psv.gz"), "|1795434983|"));
        String database = "--database=lacking";
        Outcome backfill =
                run(List.of(database, "backfill", "--cluster=fakehpc", "--slurm", part.toString()));
        assertThat(backfill.exit()).as(backfill.err()).isEqualTo(ExitCode.FINDINGS);

        Outcome outcome =
                reconcile(
                        database,
                        "11:00",
                        "13:00",
                        "--format=csv",
                        "--sacct",
                        path("sacct-D-all.psv.gz"));

        assertThat(outcome.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(outcome.out().lines().skip(1).findFirst().orElseThrow())
                .startsWith("fakehpc/1/1795434983,1,g4,tbdave,142000,0,142000,UNEXPLAINED,142000,")
                .endsWith("the ledger has no such run");
    }

    @Test
    void another_count_is_unexplained_unless_tolerated() throws IOException {
        StringBuilder changed = new StringBuilder();
        for (String line : text("sacct-D-all-epoch.psv.gz").split("\n", -1)) {
            boolean job5 = line.contains("|5|5|") && line.contains("gres/gpu");
            changed.append(job5 ? line.replaceAll("(gres/gpu[^=]*)=\\d", "$1=7") : line)
                    .append('\n');
        }

        Outcome outcome = reconcileText(FULL, changed.toString());

        assertThat(outcome.exit()).isEqualTo(ExitCode.FINDINGS);
        String first = outcome.out().lines().skip(1).findFirst().orElseThrow();
        assertThat(first).startsWith("fakehpc/5/").contains("UNEXPLAINED", "the ledger read");
        assertThat(reconcileText(FULL, changed.toString(), "--tolerance=100000").exit()).isZero();
        assertThat(reconcileText(FULL, changed.toString(), "--account=g5").exit()).isZero();
    }

    @Test
    void the_table_says_which_run_how_much_and_why() {
        Outcome outcome = reconcile(FULL, "11:00", "13:00", "--sacct", path("sacct-D-all.psv.gz"));

        assertThat(outcome.out())
                .containsPattern(
                        "fakehpc/63/1795434894 +63 +g1 +tbalice +256 +188 +\\+68 +RESIZE +\\+68 +2026-11-23T11:54:54 to 11:55:28\n")
                .containsPattern("g3 +tbcarol +1,179 +1,191.750 +-12.750 +SHARD -12.750\n")
                .containsPattern("total +9,595 +9,507 +\\+88 ")
                .containsPattern("LOST_RUN +accounting overwrote this start")
                .endsWith("114 runs compared, 6 differ, all explained.\n");
        assertThat(
                        reconcile(
                                        FULL,
                                        "11:00",
                                        "13:00",
                                        "--all",
                                        "--format=csv",
                                        "--sacct",
                                        path("sacct-D-all.psv.gz"))
                                .out())
                .hasLineCount(115);
    }

    @Test
    void bad_files_and_wrong_words_are_one_line_and_exit_2() throws IOException {
        Path bad = directory.resolve("bad.psv");
        Files.writeString(
                bad,
                "JobIDRaw|Submit|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|1795434848|COMPLETED|1795434848|1795434862|n1|g1|u|gres/gpu=1\n"
                        + "2|1795434848|COMPLETED|yesterday|1795434862|n1|g1|u|gres/gpu=1\n");
        Path hooks = directory.resolve("hooks.jsonl");
        Files.writeString(hooks, "{\"ts\": 1795434848.5, \"hook\": \"prolog\", \"env\": {}}\n");
        Path headless = directory.resolve("columns.psv");
        Files.writeString(headless, "JobIDRaw|State|Start|End\n1|COMPLETED|1|2\n");

        Outcome row = reconcile(FULL, "11:00", "13:00", "--sacct", bad.toString());
        assertThat(row.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(row.err()).hasLineCount(1).contains("bad.psv:3: BAD_TIME");
        for (List<String> words :
                List.of(
                        List.of("--sacct", hooks.toString()),
                        List.of("--sacct", headless.toString()),
                        List.of("--sacct", directory.resolve("absent").toString()),
                        List.of("--sacct", bad.toString(), "--slurmrestd=http://127.0.0.1:1"),
                        List.<String>of(),
                        List.of("--slurmrestd=file:/etc"),
                        List.of("--sacct", path("sacct.json.gz"), "--tolerance=-1"),
                        List.of("--sacct", path("sacct.json.gz"), "--zone=Nowhere"))) {
            Outcome outcome = reconcile(FULL, "11:00", "13:00", words.toArray(String[]::new));
            assertThat(outcome.exit()).as("%s: %s", words, outcome.err()).isEqualTo(2);
            assertThat(outcome.err()).startsWith("gpu-ledger: ").hasLineCount(1);
        }
        Outcome unknown =
                run(
                        List.of(
                                FULL,
                                "reconcile",
                                "--cluster=fakehcp",
                                "--from=2026-11-23T11:00",
                                "--to=2026-11-23T13:00",
                                "--sacct",
                                path("sacct.json.gz")));
        assertThat(unknown.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(unknown.err()).contains("no cluster fakehcp; it has fakehpc");
    }

    @Test
    void slurmrestd_is_asked_in_the_newest_version_that_it_offers() throws IOException {
        ConcurrentLinkedQueue<String> asked = new ConcurrentLinkedQueue<>();
        HttpServer server =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        byte[] jobs = text("rest-slurmdb-jobs.json.gz").getBytes(StandardCharsets.UTF_8);
        server.createContext(
                "/",
                exchange -> {
                    String uri = exchange.getRequestURI().toString();
                    asked.add(uri);
                    if (uri.equals("/openapi/v3")) {
                        answer(
                                exchange,
                                200,
                                "{\"paths\": {\"/slurmdb/v0.0.38/jobs\": {}, \"/slurmdb/v0.0.9/jobs\": {}}}"
                                        .getBytes(StandardCharsets.UTF_8));
                    } else if (uri.startsWith("/slurmdb/v0.0.38/jobs?")) {
                        answer(exchange, 200, jobs);
                    } else {
                        answer(exchange, 404, new byte[0]);
                    }
                });
        server.start();
        try {
            Outcome outcome =
                    reconcile(
                            FULL,
                            "11:00",
                            "13:00",
                            "--json",
                            "--slurmrestd=http://127.0.0.1:" + server.getAddress().getPort());
            assertThat(outcome.exit()).as(outcome.err()).isZero();
            assertThat(scheduler(JSON.readTree(outcome.out())))
                    .isEqualTo(sreport("11:00", "12:00"));
            assertThat(asked)
                    .containsExactly(
                            "/openapi/v3",
                            "/slurmdb/v0.0.38/jobs?start_time=uts1795431600&end_time=uts1795438800");
        } finally {
            server.stop(0);
        }
    }

    @Test
    void what_cannot_be_reached_is_exit_3() {
        Outcome slurm = reconcile(FULL, "11:00", "13:00", "--slurmrestd=http://127.0.0.1:1");
        assertThat(slurm.exit()).isEqualTo(ExitCode.UNREACHABLE);
        assertThat(slurm.err()).hasLineCount(1).contains("does not answer");
        StringWriter err = new StringWriter();
        int exit =
                GpuLedger.commandLine()
                        .setErr(new PrintWriter(err))
                        .execute(
                                "--clickhouse=http://127.0.0.1:1",
                                "reconcile",
                                "--cluster=fakehpc",
                                "--from=2026-11-23T11:00",
                                "--to=2026-11-23T13:00",
                                "--sacct",
                                path("sacct.json.gz"));
        assertThat(exit).isEqualTo(ExitCode.UNREACHABLE);
        assertThat(err.toString()).hasLineCount(1).contains("does not answer");
    }

    private static void answer(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        if (body.length > 0) {
            exchange.getResponseBody().write(body);
        }
        exchange.close();
    }

    private static String clock(int minuteOf11) {
        return "%02d:%02d".formatted(11 + minuteOf11 / 60, minuteOf11 % 60);
    }

    /** Lines that hold the text, and the steps below them, are left out. */
    private static String without(String text, String part) {
        StringBuilder out = new StringBuilder();
        text.lines().filter(l -> !l.contains(part)).forEach(l -> out.append(l).append('\n'));
        return out.toString();
    }

    private static Outcome reconcileText(String database, String accounting, String... more)
            throws IOException {
        Path file = Files.createTempFile(directory, "accounting", ".psv");
        Files.writeString(file, accounting);
        List<String> words = new ArrayList<>(List.of(more));
        words.addAll(List.of("--format=csv", "--sacct", file.toString()));
        return reconcile(database, "11:00", "13:00", words.toArray(String[]::new));
    }

    private static Outcome reconcile(String database, String from, String to, String... more) {
        List<String> words =
                new ArrayList<>(
                        List.of(
                                database,
                                "reconcile",
                                "--cluster=fakehpc",
                                "--from=2026-11-23T" + from,
                                "--to=2026-11-23T" + to));
        words.addAll(List.of(more));
        return run(words);
    }

    private static Outcome run(List<String> words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>(List.of("--clickhouse=" + stack.clickHouseUrl()));
        all.addAll(words);
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(String[]::new));
        return new Outcome(exit, out.toString(), err.toString());
    }

    /** GPU-seconds by account and user. */
    private static Map<String, Long> scheduler(JsonNode answer) {
        Map<String, Long> seconds = new TreeMap<>();
        for (JsonNode account : answer.path("accounts")) {
            long ms = account.path("scheduler_gpu_ms").asLong();
            assertThat(ms % 1000).isZero();
            if (ms != 0) {
                seconds.put(
                        account.path("account").asText() + "/" + account.path("user").asText(),
                        ms / 1000);
            }
        }
        return seconds;
    }

    /** What the recorded sreport says of hours, user lines only: account lines include others. */
    private static Map<String, Long> sreport(String... hours) throws IOException {
        Map<String, Long> seconds = new TreeMap<>();
        boolean wanted = false;
        for (String line : Files.readAllLines(resource("sreport-acct-gpu.psv"))) {
            if (line.startsWith("Cluster/Account/User Utilization ")) {
                wanted = false;
                for (String hour : hours) {
                    wanted |= line.contains(" 2026-11-23T" + hour + ":00 - ");
                }
            }
            String[] cells = line.split("\\|", -1);
            if (wanted && cells.length == 6 && !cells[2].isEmpty() && !cells[2].equals("Login")) {
                seconds.merge(cells[1] + "/" + cells[2], Long.parseLong(cells[5]), Long::sum);
            }
        }
        assertThat(seconds).isNotEmpty();
        return seconds;
    }

    private static Map<String, Long> reasons(JsonNode sum) {
        Map<String, Long> reasons = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : sum.path("reasons").properties()) {
            reasons.put(entry.getKey(), entry.getValue().asLong());
        }
        return reasons;
    }

    private static String text(String name) throws IOException {
        try (InputStream in = new GZIPInputStream(Files.newInputStream(resource(name)))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static String path(String name) {
        return resource(name).toString();
    }

    private static Path resource(String name) {
        return Path.of("src/test/resources/slurm-recording").resolve(name);
    }
}
