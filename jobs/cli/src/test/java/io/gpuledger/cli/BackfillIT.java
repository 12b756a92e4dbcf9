package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands a user types, on our recording of a real Slurm, into a real ClickHouse. */
class BackfillIT {
    private static final String HOUR = "--from=2026-11-23T11:00";
    private static final String TO = "--to=2026-11-23T13:00";

    @TempDir static Path directory;
    private static LocalStack stack;

    private record Outcome(int exit, String out, String err) {}

    @BeforeAll
    static void start() throws IOException {
        stack = LocalStack.open(LocalStack.Options.in(directory.resolve("data")), "BackfillIT");
        stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
        unpack();
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @Test
    void every_incarnation_equals_what_was_really_held_and_a_second_run_changes_nothing()
            throws IOException {
        String database = "--database=held";
        Outcome first = backfill(database, "fakehpc");
        assertThat(first.exit()).as(first.err()).isZero();

        Map<String, String> held = heldSecondsByRun(database);
        Map<String, String> expected = HeldTruth.expected();
        assertThat(held.remove(HeldTruth.LOST_RUN)).isEqualTo("11.000");
        assertThat(held).isEqualTo(expected);

        List<List<String>> rows = currentRows("held");
        Outcome second = backfill(database, "fakehpc");
        assertThat(second.exit()).isZero();
        assertThat(second.err()).contains("nothing to change");
        assertThat(currentRows("held")).isEqualTo(rows);
    }

    /**
     * Without hooks it is the last of many equal polls that an end of accounting is held against:
     * the snapshots that are kept must make the same of it.
     */
    @Test
    void what_polls_and_accounting_said_alone_makes_what_the_ledger_has() throws IOException {
        String database = "--database=polled";
        Path recording = directory.resolve("recording");
        Outcome done =
                run(
                        database,
                        "backfill",
                        "--cluster=fakehpc",
                        "--slurm",
                        recording.resolve("poll").toString(),
                        recording.resolve("final").toString());
        assertThat(done.exit()).as(done.err()).isZero();
        Map<String, Integer> verdicts = new TreeMap<>();
        for (String run : heldSecondsByRun(database).keySet()) {
            Outcome outcome = run(database, "explain", "--run=" + run, "--json");
            assertThat(outcome.exit()).as(outcome.out() + outcome.err()).isZero();
            JsonNode explained = new ObjectMapper().readTree(outcome.out());
            verdicts.merge(explained.path("snapshots_say").asText(), 1, Integer::sum);
            for (JsonNode said : explained.path("snapshots")) {
                assertThat(said.path("input_digest").asText()).isNotEqualTo("0");
                assertThat(said.path("origin").asText()).contains(recording.toString());
            }
        }
        assertThat(verdicts.keySet()).isSubsetOf("ADDS_UP", "SHARED", "UNSTATED");
        assertThat(verdicts.get("ADDS_UP")).isGreaterThan(100);
    }

    @Test
    void hooks_alone_are_an_input() throws IOException {
        Path file = directory.resolve("hooks.jsonl");
        Files.writeString(
                file,
                hook(1795434848.4, "prolog", "n1", "7") + hook(1795434860.3, "epilog", "n1", "7"));
        Outcome done =
                run("--database=hooks", "backfill", "--cluster=c", "--slurm", file.toString());

        assertThat(done.exit()).as(done.err()).isZero();
        assertThat(heldSecondsByRun("--database=hooks"))
                .containsExactly(Map.entry("c/7/1795434848", "24.000"));
    }

    private static String hook(double ts, String hook, String node, String job) {
        return """
               {"ts":%.1f,"hook":"%s","env":{"SLURMD_NODENAME":"%s","SLURM_JOB_ID":"%s",\
               "SLURM_JOB_ACCOUNT":"g1","SLURM_JOB_USER":"alice","SLURM_JOB_GPUS":"0,1"}}
               """
                .formatted(ts, hook, node, job);
    }

    @Test
    void two_backfills_of_other_inputs_do_not_write_the_same_hours_at_once() throws IOException {
        String database = "--database=rivals";
        assertThat(run(database, "migrate").exit()).isZero();
        Path file = directory.resolve("rival.psv");
        Files.writeString(
                file,
                "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n");
        String claim =
                """
                INSERT INTO backfills
                SELECT 'c', {attempt:String}, 7, 'x', 1795432000, 1795438000, {machine:String}, 1,
                       'RUNNING', now64(3, 'UTC'), now64(3, 'UTC') - INTERVAL {age:Int64} SECOND, 1
                """;
        Warehouse warehouse = new Warehouse(stack.clickHouseUrl(), "default", "", "rivals");
        // One that was not heard of for long does not count.
        warehouse.execute(claim, Map.of("attempt", "dead", "machine", "elsewhere", "age", "100"));
        assertThat(run(database, "backfill", "--cluster=c", "--slurm", file.toString()).exit())
                .isZero();

        warehouse.execute(claim, Map.of("attempt", "alive", "machine", "elsewhere", "age", "1"));
        Files.writeString(
                file,
                "2|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n",
                StandardOpenOption.APPEND);
        List<List<String>> before = currentRows("rivals");
        Outcome refused =
                run(database, "backfill", "--cluster=c", "--replace", "--slurm", file.toString());

        assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(refused.err()).hasLineCount(1).contains("another backfill", "elsewhere");
        assertThat(currentRows("rivals")).isEqualTo(before).isNotEmpty();
    }

    @Test
    void the_schedulers_time_is_cut_by_hours_of_the_zone_and_closes() throws IOException {
        String database = "--database=scheduled";
        assertThat(backfill(database, "fakehpc").exit()).isZero();
        List<String> sums = new ArrayList<>();
        for (String by :
                List.of("account", "account,hour", "account,day,slot,bucket,grant,model")) {
            Map<String, Long> byAccount = new TreeMap<>();
            Outcome outcome =
                    run(
                            database,
                            "usage",
                            "--by=" + by,
                            HOUR,
                            TO,
                            "--basis=scheduled",
                            "--format=csv");
            assertThat(outcome.exit()).as(outcome.err()).isZero();
            outcome.out()
                    .lines()
                    .skip(1)
                    .map(l -> l.split(",", -1))
                    .forEach(
                            c ->
                                    byAccount.merge(
                                            c[0], Long.parseLong(c[c.length - 12]), Long::sum));
            sums.add(byAccount.toString());
        }
        assertThat(sums.get(0)).contains("g3=");
        assertThat(sums).containsOnly(sums.get(0));
    }

    @Test
    void the_hour_that_comes_twice_stays_two_hours() throws IOException {
        // 2026-10-25 in Copenhagen: 02:00 to 03:00 comes twice, from 00:00 UTC and from 01:00 UTC.
        Path file = directory.resolve("twice.psv");
        Files.writeString(
                file,
                "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|COMPLETED|1792886400|1792893600|n1|g1|alice|gres/gpu=1\n");
        String database = "--database=twice";
        assertThat(run(database, "backfill", "--cluster=c", "--slurm", file.toString()).exit())
                .isZero();
        for (String basis : List.of("held", "scheduled")) {
            Outcome outcome =
                    run(
                            database,
                            "usage",
                            "--by=hour",
                            "--from=2026-10-25",
                            "--to=2026-10-26",
                            "--zone=Europe/Copenhagen",
                            "--account=g1",
                            "--basis=" + basis,
                            "--format=csv");
            assertThat(outcome.out().lines().skip(1).map(l -> l.substring(0, l.indexOf(",0,"))))
                    .containsExactly(
                            "2026-10-25T02:00+02:00,3600000", "2026-10-25T02:00+01:00,3600000");
        }
    }

    @Test
    void slots_are_the_recorded_indices() throws IOException {
        String database = "--database=slots";
        assertThat(backfill(database, "fakehpc").exit()).isZero();
        Map<String, List<String>> slots = new TreeMap<>();
        for (String line :
                run(database, "usage", "--by=run,slot", HOUR, TO, "--format=csv")
                        .out()
                        .lines()
                        .skip(1)
                        .toList()) {
            String[] cells = line.split(",", -1);
            if (!cells[0].isEmpty() && Long.parseLong(cells[4]) + Long.parseLong(cells[5]) > 0) {
                slots.computeIfAbsent(cells[0], r -> new ArrayList<>())
                        .add(cells[2] + ":" + cells[3]);
            }
        }
        assertThat(slots).containsEntry("fakehpc/23/1795434848", List.of("n9:3", "n9:4", "n9:5"));
        assertThat(slots)
                .containsEntry("fakehpc/63/1795434894", List.of("n2:1", "n2:2", "n3:0", "n3:1"));
        slots.remove(HeldTruth.LOST_RUN);
        assertThat(slots.keySet()).isEqualTo(HeldTruth.expected().keySet());
    }

    @Test
    void rows_of_other_inputs_are_refused_until_replaced() throws IOException {
        String database = "--database=replaced";
        assertThat(backfill(database, "fakehpc").exit()).isZero();
        String accounting = directory.resolve("recording/final/sacct.psv").toString();

        Outcome refused = run(database, "backfill", "--cluster=fakehpc", "--slurm", accounting);
        assertThat(refused.exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(refused.err()).contains("--replace").hasLineCount(1);

        Outcome replaced =
                run(database, "backfill", "--cluster=fakehpc", "--replace", "--slurm", accounting);
        assertThat(replaced.exit()).as(replaced.err()).isEqualTo(ExitCode.FINDINGS);
        // Accounting alone cannot tell whose part of a card a shard is, and says so.
        assertThat(replaced.err()).contains("2 jobs hold shards");
        String buckets = run(database, "usage", "--by=slot", HOUR, TO, "--format=csv").out();
        assertThat(buckets.lines().skip(1)).allMatch(l -> l.split(",", -1)[2].equals("-1"));
    }

    @Test
    void a_replacement_leaves_nothing_of_counts_that_now_have_positions() throws IOException {
        // In a host with idle cards a count without a position exists for 0 ms and still holds
        // time.
        String database = "--database=positions";
        Path recording = directory.resolve("recording");
        List<String> counted = new ArrayList<>(List.of(database, "backfill", "--cluster=fakehpc"));
        counted.add("--slurm");
        counted.add(recording.resolve("final/sacct.psv").toString());
        try (Stream<Path> files = Files.walk(recording)) {
            files.map(Path::toString).filter(f -> f.contains("nodes")).forEach(counted::add);
        }
        // Shards of cards that nobody names are a finding.
        assertThat(run(counted.toArray(String[]::new)).exit()).isEqualTo(ExitCode.FINDINGS);
        String before = run(database, "usage", "--by=slot", HOUR, TO, "--format=csv").out();
        Warehouse counts = new Warehouse(stack.clickHouseUrl(), "default", "", "positions");
        assertThat(counts.query("SELECT sum(gpu_ms) FROM usage_hour_current", Map.of()))
                .isEqualTo(counts.query("SELECT sum(gpu_ms) FROM usage_minute_current", Map.of()));
        assertThat(before).contains(",-1,");

        Outcome replaced =
                run(
                        database,
                        "backfill",
                        "--cluster=fakehpc",
                        "--replace",
                        "--slurm",
                        recording.toString());

        assertThat(replaced.exit()).as(replaced.err()).isZero();
        Map<String, String> held = heldSecondsByRun(database);
        held.remove(HeldTruth.LOST_RUN);
        assertThat(held).isEqualTo(HeldTruth.expected());
    }

    @Test
    void a_bad_file_writes_nothing_and_says_what_to_do_in_one_line() throws IOException {
        Path truncated = directory.resolve("truncated.psv.gz");
        byte[] whole = resource("sacct.psv.gz");
        Files.write(truncated, Arrays.copyOf(whole, whole.length / 2));
        Path binary = directory.resolve("binary.txt");
        Files.write(binary, new byte[] {1, 2, 0, 3, 0});
        Path columns = directory.resolve("columns.psv");
        Files.writeString(columns, "JobIDRaw|State|Start|End\n1|COMPLETED|1|2\n");
        Path nobody = directory.resolve("nobody.psv");
        Files.writeString(
                nobody,
                "JobIDRaw|State|Start|End|NodeList|User|AllocTRES\n"
                        + "1|COMPLETED|1795434848|1795434862|n1|alice|gres/gpu=1\n");

        Path other = Files.createDirectories(directory.resolve("other"));
        Files.writeString(other.resolve("notes.txt"), "nothing of Slurm\n");
        for (Path bad :
                List.of(truncated, binary, columns, nobody, other, directory.resolve("absent"))) {
            Outcome outcome =
                    run("--database=bad", "backfill", "--cluster=c", "--slurm", bad.toString());
            assertThat(outcome.exit()).as("%s: %s", bad, outcome.err()).isEqualTo(2);
            assertThat(outcome.err()).startsWith("gpu-ledger: ").hasLineCount(1);
        }
        assertThat(run("--database=bad", "usage", "--by=cluster", HOUR, TO, "--format=csv").out())
                .hasLineCount(1);
    }

    @Test
    void what_only_the_job_refuses_is_a_finding_too() throws IOException {
        Path file = directory.resolve("long.psv");
        Files.writeString(
                file,
                "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n"
                        + "2|COMPLETED|1795434848|1795434862|n1|"
                        + "g".repeat(2_000)
                        + "|alice|gres/gpu=1\n");

        Outcome done =
                run("--database=long", "backfill", "--cluster=c", "--slurm", file.toString());

        assertThat(done.exit()).as(done.err()).isEqualTo(ExitCode.FINDINGS);
        assertThat(done.err()).contains("1 records or rows were set aside by the job");
        assertThat(heldSecondsByRun("--database=long")).containsOnlyKeys("c/1/1795434848");
    }

    @Test
    void one_bad_record_is_a_dead_letter_and_a_finding() throws IOException {
        Path mixed = directory.resolve("mixed.psv");
        Files.writeString(
                mixed,
                "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n"
                        + "2|COMPLETED|yesterday|1795434862|n1|g1|alice|gres/gpu=1\n");

        Outcome outcome =
                run("--database=mixed", "backfill", "--cluster=c", "--slurm", mixed.toString());

        assertThat(outcome.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(outcome.err()).contains("mixed.psv:3", "BAD_TIME");
        assertThat(run("--database=mixed", "usage", "--by=run", HOUR, TO, "--format=csv").out())
                .contains("c/1/1795434848,14000,0");
    }

    @Test
    void wrong_words_and_absent_servers_have_their_exit_codes() {
        assertThat(run("usage", "--frobnicate").exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(run("usage", "--by=colour", HOUR, TO).exit()).isEqualTo(ExitCode.WRONG_USAGE);
        assertThat(run("usage", "--by=run", "--from=x", TO).exit()).isEqualTo(ExitCode.WRONG_USAGE);
        for (List<String> words :
                List.of(
                        List.of("--kafka-port=99999", "status"),
                        List.of("--clickhouse-port=-1", "status"),
                        List.of("backfill", "--cluster=c", "--slurm", "a.txt", "--bogus"),
                        List.of("backfill", "--cluster=", "--slurm", "a.txt"),
                        List.of("backfill", "--cluster=c", "--scrape-interval=-5", "--slurm", "a"),
                        List.of("backfill", "--cluster=c"))) {
            Outcome wrong = run(words.toArray(String[]::new));
            assertThat(wrong.exit()).as("%s: %s", words, wrong.err()).isEqualTo(2);
            assertThat(wrong.err()).startsWith("gpu-ledger: ").hasLineCount(1);
        }
        assertThat(run("backfill", "--cluster=c", "--slurm", "a", "--bogus").err())
                .contains("--bogus");
        assertThat(run("usage", "--by=run", "--account=a\\b\tc", HOUR, TO).exit()).isZero();
        StringWriter err = new StringWriter();
        int exit =
                GpuLedger.commandLine()
                        .setErr(new PrintWriter(err))
                        .execute("--clickhouse=http://127.0.0.1:1", "usage", "--by=run", HOUR, TO);
        assertThat(exit).isEqualTo(ExitCode.UNREACHABLE);
        assertThat(err.toString()).hasLineCount(1).contains("does not answer");
    }

    @Test
    void records_of_a_copied_file_are_duplicates_and_the_inputs_are_the_same() throws IOException {
        Path folder = Files.createDirectories(directory.resolve("copies"));
        String text =
                "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n"
                        + "2|COMPLETED|1795434848|1795434862|n2|g1|alice|gres/gpu=1\n";
        Files.writeString(folder.resolve("a.psv"), text);
        String[] command = {"--database=copies", "backfill", "--cluster=c", "--slurm", folder + ""};
        assertThat(run(command).exit()).isZero();
        Files.writeString(folder.resolve("b.psv"), text);

        Outcome outcome = run(command);

        assertThat(outcome.exit()).as(outcome.err()).isZero();
        assertThat(outcome.err())
                .contains("nothing to change", "4 records: 2 used, 2 duplicate, 0 ignored");
    }

    @Test
    void records_given_again_in_other_files_are_duplicates_and_the_rows_are_the_same()
            throws IOException {
        List<String> hooks =
                List.of(
                        hook(1795434848.4, "prolog", "n1", "7"),
                        hook(1795434860.3, "epilog", "n1", "7"),
                        hook(1795434870.2, "prolog", "n1", "8"),
                        hook(1795435400.1, "epilog", "n1", "8"));
        String node = "NodeName=n1 Gres=gpu:h100:2\n   State=MIXED\n";
        StringBuilder samples = new StringBuilder();
        for (int t = 0; t <= 20; t++) {
            samples.append(
                    "DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\",UUID=\"GPU-0\",Hostname=\"n1\"} 0.04 %d000%n"
                            .formatted(1795434840 + 30 * t));
        }
        Path once = Files.createDirectories(directory.resolve("once"));
        Files.writeString(once.resolve("hooks.jsonl"), String.join("", hooks));
        Files.writeString(once.resolve("1795434840.n1.txt"), node);
        Files.writeString(once.resolve("samples.prom"), samples);
        Path again = Files.createDirectories(directory.resolve("again"));
        Files.writeString(again.resolve("a.jsonl"), String.join("", hooks.subList(0, 3)));
        Files.writeString(
                again.resolve("b.jsonl"), String.join("", hooks.subList(1, 4)) + hooks.get(0));
        Files.writeString(again.resolve("1795434840.n1.txt"), node);
        Files.writeString(again.resolve("1795434840.repeated.txt"), node + "\n");
        Files.writeString(again.resolve("samples.prom"), "# a\n" + samples);
        Files.writeString(again.resolve("repeated.prom"), "# b\n" + samples);

        Outcome first = backfillBoth("once", once);
        Outcome repeated = backfillBoth("again", again);

        assertThat(first.exit()).as(first.err()).isZero();
        assertThat(repeated.exit()).as(repeated.err()).isZero();
        assertThat(first.err())
                .contains("3 files, 26 records: 26 used, 0 duplicate, 0 ignored, 0 dead letters");
        String counts = "6 files, 51 records: 26 used, 25 duplicate, 0 ignored, 0 dead letters";
        assertThat(repeated.err()).contains(counts);
        assertThat(backfillBoth("again", again).err()).contains("nothing to change", counts);
        assertThat(currentContents("again")).isEqualTo(currentContents("once")).isNotEmpty();
    }

    /** Scheduler files and telemetry of one directory. */
    private static Outcome backfillBoth(String database, Path folder) throws IOException {
        List<String> words =
                new ArrayList<>(
                        List.of("--database=" + database, "backfill", "--cluster=c", "--slurm"));
        for (boolean telemetry : new boolean[] {false, true}) {
            if (telemetry) {
                words.add("--dcgm");
            }
            try (Stream<Path> files = Files.list(folder)) {
                files.filter(f -> f.toString().endsWith(".prom") == telemetry)
                        .forEach(f -> words.add(f.toString()));
            }
        }
        return run(words.toArray(String[]::new));
    }

    @Test
    void what_was_chosen_reaches_the_rows_and_makes_other_inputs() throws IOException {
        Path file = directory.resolve("polls.psv");
        Files.writeString(
                file,
                "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n"
                        + "1|COMPLETED|1795434840|1795435440|n1|g1|alice|gres/gpu=1\n");
        Path node = directory.resolve("1795434840.n1.txt");
        Files.writeString(node, "NodeName=n1 Gres=gpu:h100:1\n   State=MIXED\n");
        Path samples = directory.resolve("samples.prom");
        StringBuilder text = new StringBuilder();
        for (int t = 0; t <= 20; t++) {
            text.append(
                    "DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\",UUID=\"GPU-0\",Hostname=\"n1\"} 0.04 %d000%n"
                            .formatted(1795434840 + 30 * t));
        }
        Files.writeString(samples, text);
        Path config = directory.resolve("chosen.yaml");
        Files.writeString(config, "cluster: c\nattribution:\n  held_idle_activity: 5%\n");
        List<String> command =
                List.of(
                        "--database=chosen",
                        "backfill",
                        "--slurm",
                        file + "",
                        node + "",
                        "--dcgm",
                        samples + "");
        List<String> chosen = new ArrayList<>(List.of("--config=" + config));
        chosen.addAll(command);

        Outcome outcome = run(chosen.toArray(String[]::new));
        assertThat(outcome.exit()).as(outcome.err()).isZero();
        assertThat(
                        run("--database=chosen", "usage", "--by=account", HOUR, TO, "--format=csv")
                                .out())
                .contains(",600000\n");

        Files.writeString(config, "cluster: c\n");
        assertThat(run(chosen.toArray(String[]::new)).err()).contains("--replace");
    }

    @Test
    void rows_without_their_header_in_a_directory_are_a_finding() throws IOException {
        Path folder = Files.createDirectories(directory.resolve("headless"));
        String row = "1|COMPLETED|1795434848|1795434862|n1|g1|alice|gres/gpu=1\n";
        Files.writeString(
                folder.resolve("whole.psv"),
                "JobIDRaw|State|Start|End|NodeList|Account|User|AllocTRES\n" + row);
        Files.writeString(folder.resolve("headless.psv"), row);

        Outcome outcome =
                run("--database=headless", "backfill", "--cluster=c", "--slurm", folder.toString());

        assertThat(outcome.exit()).isEqualTo(ExitCode.FINDINGS);
        assertThat(outcome.err())
                .contains("headless.psv: looks like sacct rows without the header");
    }

    private static List<List<String>> currentRows(String database) {
        return new Warehouse(stack.clickHouseUrl(), "default", "", database)
                .query(
                        "SELECT * FROM usage_minute_current ORDER BY cluster, host, gpu_index,"
                                + " unplaced_run, window_start, bucket, run_id, instance",
                        Map.of());
    }

    /** Without the revision, which tells one writing from another. */
    private static List<List<String>> currentContents(String database) {
        return new Warehouse(stack.clickHouseUrl(), "default", "", database)
                .query(
                        "SELECT * EXCEPT (revision) FROM usage_minute_current" + " ORDER BY ALL",
                        Map.of());
    }

    private static Outcome backfill(String database, String cluster) {
        return run(
                database,
                "backfill",
                "--cluster=" + cluster,
                "--slurm",
                directory.resolve("recording").toString());
    }

    private static Outcome run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>(List.of("--clickhouse=" + stack.clickHouseUrl()));
        all.addAll(List.of(words));
        int exit =
                GpuLedger.commandLine()
                        .setOut(new PrintWriter(out))
                        .setErr(new PrintWriter(err))
                        .execute(all.toArray(String[]::new));
        return new Outcome(exit, out.toString(), err.toString());
    }

    private static Map<String, String> heldSecondsByRun(String database) {
        return HeldTruth.ofUsage(
                run(database, "usage", "--by=run", HOUR, TO, "--format=csv").out());
    }

    /** The recording as the files it was. */
    private static void unpack() throws IOException {
        Path recording = directory.resolve("recording");
        for (String part : List.of("poll", "hooks", "final")) {
            Files.createDirectories(recording.resolve(part));
        }
        for (DemoRecording.Item item : DemoRecording.load().items()) {
            String part = item.fileName().startsWith("hook") ? "hooks" : "poll";
            Files.writeString(recording.resolve(part).resolve(item.fileName()), item.text());
        }
        DemoRecording demo = DemoRecording.load();
        Files.writeString(recording.resolve("final/sacct.psv"), demo.accounting());
        Files.writeString(recording.resolve("final/1795435436.nodes.txt"), demo.nodes());
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = BackfillIT.class.getResourceAsStream("/demo/" + name)) {
            if (in == null) {
                throw new IOException("no resource " + name);
            }
            return in.readAllBytes();
        }
    }
}
