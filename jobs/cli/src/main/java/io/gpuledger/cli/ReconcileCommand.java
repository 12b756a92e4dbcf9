package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.collectors.slurm.Slurmrestd;
import io.gpuledger.collectors.slurm.SlurmrestdException;
import io.gpuledger.core.reconcile.AccountingRow;
import io.gpuledger.core.reconcile.GrantRun;
import io.gpuledger.core.reconcile.Reconciliation;
import io.gpuledger.core.reconcile.Report;
import io.gpuledger.core.time.Span;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.GrantRunQuery;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.ReconciliationLog;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Compares the scheduler's accounting with the ledger. */
@Command(
        name = "reconcile",
        mixinStandardHelpOptions = true,
        description = {
            "Compares what Slurm's accounting charges with what the ledger says was held, run by run,"
                    + " and names the reason of every difference.",
            "",
            "The scheduler's figure is sreport's, to the second: for each row of sacct -D, GPUs x (End - Start)"
                    + " inside the span; requeued starts and suspended time count, a row that still runs counts"
                    + " until the file was made. The ledger's figure is the time in ALLOCATED and SUSPENDED."
                    + " A difference is positive where accounting counts more.",
            "",
            "A reason is given only where the numbers prove it; the rest is UNEXPLAINED.",
            "",
            "What came out is recorded, without --account: statement close refuses a month that is not compared"
                    + " as a whole, or where too much is unexplained.",
            ""
        },
        footer = {
            "",
            "Totals are by account and user. sreport's account line includes its sub-accounts, ours never do:"
                    + " compare sreport's user lines (AccountUtilizationByUser -T gres/gpu).",
            "",
            "Exit codes: 0 everything agrees or is explained, 1 something is unexplained, 2 wrong usage or a bad"
                    + " file, 3 ClickHouse or slurmrestd cannot be reached.",
            "",
            "JSON: {cluster, from, to, explained, tolerance_gpu_ms,",
            "    unexplained_gpu_ms, runs_compared, total: SUM,",
            "    accounts: [{account, user, and SUM}], runs: [RUN],",
            "    legend: {REASON: text}, with --three-way quota: {explained,",
            "    grants: [{grant, runs, ledger_charged_gpu_us, quota_charged_gpu_us}],",
            "    runs: [{run_id, grant, the same two, reason}]}}",
            "  SUM: scheduler_gpu_ms, ledger_gpu_ms, difference_gpu_ms,",
            "    reasons: {REASON: gpu_ms}",
            "  RUN: {run_id, job_id, account, user, scheduler_gpu_ms,",
            "    ledger_gpu_ms, difference_gpu_ms,",
            "    reasons: [{reason, gpu_ms, from, to, note}]}",
            "CSV: a line for each run and reason; times are epoch milliseconds.",
            "Both have the runs that differ, with --all every run.",
            "",
            "Example:",
            "  sacct -P -D -a -S 2026-11-01 -E 2026-12-01 \\",
            "    -o JobIDRaw,Submit,Start,End,State,NodeList,Account,User,AllocTRES \\",
            "    > november.psv",
            "  gpu-ledger reconcile --cluster gefion --sacct november.psv \\",
            "    --zone Europe/Copenhagen --from 2026-11-01 --to 2026-12-01"
        })
final class ReconcileCommand implements Callable<Integer> {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);

    /** slurmdbd may take minutes over a month of jobs. */
    private static final Duration ANSWER_TIMEOUT = Duration.ofMinutes(5);

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "Cluster in the ledger (default: key cluster).")
    @Nullable String givenCluster;

    @Option(
            names = "--sacct",
            arity = "1..*",
            paramLabel = "FILE",
            description =
                    "Accounting: sacct -P -D with a header (local or epoch times), sacct --json, slurmdb jobs of"
                            + " slurmrestd; .gz and directories too.")
    List<Path> sacct = new ArrayList<>();

    @Option(
            names = "--slurmrestd",
            paramLabel = "URL",
            description =
                    "Instead of files: ask slurmrestd, for example http://127.0.0.1:6820. The token is read from"
                            + " SLURM_JWT.")
    @Nullable String slurmrestd;

    @Option(
            names = "--slurmrestd-user",
            paramLabel = "NAME",
            description = "Whose token it is (default: USER).")
    @Nullable String slurmrestdUser;

    @Option(names = "--from", required = true, description = "ISO 8601, inclusive, whole minutes.")
    String from = "";

    @Option(names = "--to", required = true, description = "ISO 8601, exclusive, whole minutes.")
    String to = "";

    @Option(
            names = "--zone",
            description =
                    "Zone of times without one, in files and options, and of the table (default: key zone, UTC).")
    @Nullable String zone;

    @Option(
            names = "--observed-at",
            paramLabel = "T",
            description =
                    "When the files were made, ISO 8601 with zone (default: epoch seconds their names begin with,"
                            + " else the latest time in them).")
    @Nullable String observedAt;

    @Option(names = "--account", paramLabel = "NAME", description = "Only this account, by name.")
    @Nullable String account;

    @Option(
            names = "--tolerance",
            paramLabel = "GPU_SECONDS",
            defaultValue = "0",
            description =
                    "Unexplained GPU-seconds, over all runs, that still exit 0 (default: ${DEFAULT-VALUE}).")
    BigDecimal tolerance = BigDecimal.ZERO;

    @Option(
            names = "--all",
            description =
                    "List every run, those that agree too (default: those that differ; the table stops after "
                            + ReconcileOutput.ROWS
                            + " explained ones).")
    boolean all;

    @Option(
            names = "--format",
            defaultValue = "TABLE",
            description = "table, csv or json (default: table).")
    UsageCommand.Format format = UsageCommand.Format.TABLE;

    @Option(
            names = "--three-way",
            description =
                    "Compare the quota balance too, by grant and run: whole runs that started inside the span.")
    boolean threeWay;

    @Option(names = "--json", description = "Short for --format json.")
    boolean json;

    private String cluster = "";

    @Override
    public Integer call() throws InputException, SlurmrestdException, IOException {
        cluster = ledger.cluster(givenCluster);
        ZoneId zoneId = ledger.configuration().get(Keys.ZONE, "--zone", zone);
        Span window = window(zoneId);
        long toleratedMs = toleratedMs();
        String only = UsageCommand.only("--account", account);
        if (sacct.isEmpty() == (slurmrestd == null)) {
            throw new UsageException("give accounting, either --sacct FILE... or --slurmrestd URL");
        }
        List<AccountingRow> rows = accounting(zoneId, window);
        Report report;
        ThreeWayOutput quota = null;
        if (threeWay && !json && format == UsageCommand.Format.CSV) {
            throw new UsageException("--three-way has no CSV; give --format table or json");
        }
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            report = Reconciliation.of(new LedgerBooks(warehouse, cluster, window).with(rows));
            if (threeWay) {
                quota = new ThreeWayOutput(grantRuns(warehouse, window));
            }
            if (only.isEmpty()) {
                record(warehouse, report, window, toleratedMs, quota);
            } else {
                report = report.only(payer -> payer.account().equals(only));
            }
        }
        ReconcileOutput output =
                new ReconcileOutput(report, cluster, window, zoneId, toleratedMs, all);
        PrintWriter out = spec.commandLine().getOut();
        switch (json ? UsageCommand.Format.JSON : format) {
            case CSV -> out.print(output.csv());
            case JSON -> out.println(output.json(quota));
            case TABLE -> out.print(output.table() + (quota == null ? "" : quota.table()));
        }
        out.flush();
        boolean explained = output.isExplained() && (quota == null || quota.isExplained());
        return explained ? ExitCode.DONE : ExitCode.FINDINGS;
    }

    /** What statement close asks for; one account alone says nothing of the cluster. */
    private void record(
            Warehouse warehouse,
            Report report,
            Span window,
            long toleratedMs,
            @Nullable ThreeWayOutput quota) {
        new ReconciliationLog(warehouse)
                .add(
                        new ReconciliationLog.Comparison(
                                cluster,
                                System.currentTimeMillis(),
                                window.startMs(),
                                window.endMs(),
                                report.findings().size(),
                                report.total().schedulerMs(),
                                report.total().ledgerMs(),
                                report.unexplainedMs(),
                                toleratedMs,
                                quota != null,
                                quota != null && quota.isExplained(),
                                System.getProperty("user.name", "unknown")));
    }

    private List<GrantRun> grantRuns(Warehouse warehouse, Span window) {
        return new GrantRunQuery(warehouse)
                .of(cluster, window.startMs(), window.endMs()).stream()
                        .map(
                                r ->
                                        new GrantRun(
                                                r.grantId(),
                                                r.runId(),
                                                r.ledgerGpuMs(),
                                                r.ledgerOverheadGpuMs(),
                                                r.ledgerChargedGpuUs(),
                                                r.quotaKnows(),
                                                r.quotaGpuMs(),
                                                r.quotaChargedGpuUs(),
                                                r.ledgerFlags(),
                                                r.quotaFlags(),
                                                r.divided(),
                                                r.backfilled(),
                                                r.open()))
                        .toList();
    }

    private List<AccountingRow> accounting(ZoneId zoneId, Span window)
            throws InputException, SlurmrestdException, IOException {
        AccountingFiles files =
                new AccountingFiles(
                        new SlurmFileReader.Options(
                                cluster, zoneId, BackfillCommand.observedAtMs(observedAt)));
        String url = slurmrestd;
        if (url == null) {
            files.read(sacct);
            return files.rows();
        }
        Slurmrestd server = new Slurmrestd(server(url));
        Path directory = Files.createTempDirectory("gpu-ledger-reconcile");
        try {
            files.read(
                    server.fetch(
                            Instant.ofEpochMilli(window.startMs()),
                            Instant.ofEpochMilli(window.endMs()),
                            System.currentTimeMillis(),
                            directory),
                    true);
            return files.rows();
        } catch (InputException e) {
            throw new SlurmrestdException(
                    "slurmrestd at %s gave jobs that cannot be read: %s"
                            .formatted(url, e.getMessage()),
                    e);
        } finally {
            delete(directory);
        }
    }

    private Slurmrestd.Options server(String url) {
        // A name or password in the URL would end up in messages.
        if (!url.matches("https?://[^/?#@\\s]+(/[^?#\\s]*)?")) {
            throw new UsageException(
                    "--slurmrestd is no URL of a server; give one like http://127.0.0.1:6820");
        }
        URI base;
        try {
            base = URI.create(url);
        } catch (IllegalArgumentException e) {
            throw new UsageException(
                    "--slurmrestd is no URL of a server; give one like http://127.0.0.1:6820");
        }
        String token = System.getenv("SLURM_JWT");
        if (token != null && !token.matches("[\\x21-\\x7e]+")) {
            throw new UsageException("SLURM_JWT is no token; set it to one of scontrol token");
        }
        String user = slurmrestdUser == null ? System.getenv("USER") : slurmrestdUser;
        if (user != null && !user.matches("[\\x21-\\x7e]+")) {
            throw new UsageException("--slurmrestd-user is no user name");
        }
        return new Slurmrestd.Options(
                base, token == null ? null : user, () -> token, CONNECT_TIMEOUT, ANSWER_TIMEOUT);
    }

    private Span window(ZoneId zoneId) {
        Instant start = UsageCommand.instant("--from", from, zoneId);
        Instant end = UsageCommand.instant("--to", to, zoneId);
        if (!start.isBefore(end)) {
            throw new UsageException("--from must be before --to");
        }
        return new Span(start.toEpochMilli(), end.toEpochMilli());
    }

    private long toleratedMs() {
        try {
            long ms = tolerance.movePointRight(3).longValueExact();
            if (ms >= 0) {
                return ms;
            }
        } catch (ArithmeticException e) {
            // Said below.
        }
        throw new UsageException(
                "--tolerance %s is no number of GPU-seconds; give one like 0.5"
                        .formatted(tolerance));
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }
}
