package io.gpuledger.cli;

import io.gpuledger.attribution.AttributionSettings;
import io.gpuledger.attribution.BackfillJob;
import io.gpuledger.attribution.RegistryState;
import io.gpuledger.attribution.SpoolWriter;
import io.gpuledger.cli.config.Keys;
import io.gpuledger.collectors.dcgm.DcgmFileReader;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputCount;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFiles;
import io.gpuledger.collectors.file.InputFormat;
import io.gpuledger.collectors.file.Instants;
import io.gpuledger.collectors.file.KnownRecords;
import io.gpuledger.collectors.slurm.SlurmFileReader;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.sql.BackfillRegister;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Reads files of a past span and runs the attribution graph over them once. */
@Command(
        name = "backfill",
        mixinStandardHelpOptions = true,
        description =
                "Reads Slurm and DCGM files (directories and .gz too, formats found by content) and writes the usage they show.")
final class BackfillCommand implements Callable<Integer> {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            description = "Cluster; beats names inside (default: key cluster).")
    @Nullable String givenCluster;

    @Option(
            names = "--zone",
            paramLabel = "ZONE",
            description = "Zone of times without one (default: key zone, UTC).")
    @Nullable String givenZone;

    @Option(
            names = "--observed-at",
            paramLabel = "T",
            description = "When the files were made, ISO 8601 with zone.")
    @Nullable String observedAt;

    @Option(
            names = "--scrape-interval",
            paramLabel = "SECONDS",
            description = "Interval of the scrapes (default: key scrape_interval, 30 s).")
    @Nullable String givenInterval;

    @Option(
            names = "--replace",
            description = "Replace rows of the same hours that came from other inputs.")
    boolean replace;

    @Option(names = "--slurm", arity = "1..*", paramLabel = "FILE", description = "Slurm files.")
    List<Path> slurm = new ArrayList<>();

    @Option(names = "--dcgm", arity = "1..*", paramLabel = "FILE", description = "DCGM files.")
    List<Path> dcgm = new ArrayList<>();

    @Option(
            names = "--registry",
            paramLabel = "DIR",
            description =
                    "Registry that charges the usage (default: none, everything is charged to 'unmapped').")
    @Nullable Path registryDirectory;

    private Registry registry = Registry.EMPTY;
    private String cluster = "";
    private ZoneId zone = ZoneOffset.UTC;
    private int scrapeIntervalS;
    private long setAside;

    @Override
    public Integer call() throws Exception {
        if (slurm.isEmpty() && dcgm.isEmpty()) {
            throw new UsageException("give files with --slurm or --dcgm");
        }
        if (registryDirectory != null) {
            Optional<Registry> read = RegistryCommand.read(registryDirectory, false, spec);
            if (read.isEmpty()) {
                return ExitCode.WRONG_USAGE;
            }
            registry = read.get();
        }
        cluster = ledger.cluster(givenCluster);
        zone = ledger.configuration().get(Keys.ZONE, "--zone", givenZone);
        scrapeIntervalS =
                (int)
                        ledger.configuration()
                                .get(
                                        Keys.SCRAPE_INTERVAL,
                                        "--scrape-interval",
                                        GpuLedger.seconds(givenInterval))
                                .toSeconds();
        InputFiles slurmFiles = InputFiles.expand(slurm);
        InputFiles dcgmFiles = InputFiles.expand(dcgm);
        refuseNothing("--slurm", slurm, slurmFiles);
        refuseNothing("--dcgm", dcgm, dcgmFiles);
        Map<InputFile, String> contents = contents(List.of(slurmFiles, dcgmFiles));
        long digest = digest(contents);
        try (ScratchDirectory spool = ScratchDirectory.below(ledger.scratch(), "backfill")) {
            SpoolSink sink = read(contents, spool.path());
            sink.refuseUnnamed();
            try (LocalStack stack = ledger.stack()) {
                Warehouse warehouse = ledger.warehouse(stack);
                Migrator.migrate(warehouse);
                warnOfRegistry(warehouse);
                if (sink.lastMs() < sink.firstMs()) {
                    sink.writeDeadLetters(warehouse, cluster, digest);
                } else {
                    write(warehouse, sink, spool.path(), digest);
                }
            }
            report(slurmFiles, dcgmFiles, sink);
            boolean whole =
                    sink.deadLetters().isEmpty()
                            && setAside == 0
                            && sink.uncounted().isEmpty()
                            && slurmFiles.ignored().stream()
                                    .noneMatch(InputFiles.Ignored::holdsRecords);
            return whole ? ExitCode.DONE : ExitCode.FINDINGS;
        }
    }

    /** A directory may hold other files, but one that holds nothing else is the wrong one. */
    private static void refuseNothing(String option, List<Path> given, InputFiles found) {
        if (!given.isEmpty() && found.files().isEmpty()) {
            throw new UsageException(
                    "%s %s holds no file of a known format%s"
                            .formatted(
                                    option,
                                    given.get(0),
                                    found.ignored().isEmpty()
                                            ? "; check the path"
                                            : " (%s: %s)"
                                                    .formatted(
                                                            found.ignored().get(0).path(),
                                                            found.ignored().get(0).reason())));
        }
    }

    /** Everything is read before anything is written: a bad file leaves no trace. */
    private SpoolSink read(Map<InputFile, String> contents, Path spool)
            throws IOException, InputException {
        SlurmFileReader slurmReader =
                new SlurmFileReader(
                        new SlurmFileReader.Options(cluster, zone, observedAtMs(observedAt)));
        DcgmFileReader dcgmReader =
                new DcgmFileReader(
                        new DcgmFileReader.Options(
                                cluster, scrapeIntervalS * 1000, observedAtMs(observedAt)));
        try (SpoolWriter writer = new SpoolWriter(spool)) {
            SpoolSink sink = new SpoolSink(writer);
            KnownRecords known = new KnownRecords();
            Map<String, InputCount> counts = new HashMap<>();
            for (Map.Entry<InputFile, String> input : contents.entrySet()) {
                InputFile file = input.getKey();
                InputCount original = counts.get(input.getValue());
                if (original != null) {
                    sink.count(InputCount.ofCopy(file.path().toString(), original));
                    continue;
                }
                if (file.format().family() == InputFormat.Family.SLURM) {
                    slurmReader.read(file, sink, known);
                } else {
                    dcgmReader.read(file, sink, known);
                }
                counts.put(input.getValue(), sink.lastCount());
            }
            return sink;
        }
    }

    /** Writes unless these inputs were written already or others are in the way. */
    private void write(Warehouse warehouse, SpoolSink sink, Path spool, long digest)
            throws Exception {
        BackfillRegister register =
                new BackfillRegister(
                        warehouse,
                        new BackfillRegister.Inputs(
                                cluster,
                                digest,
                                spec.root().version()[0],
                                sink.firstMs(),
                                sink.lastMs()));
        Optional<BackfillRegister.Rival> rival = register.claim();
        if (rival.isPresent()) {
            throw new UsageException(
                    "another backfill of cluster %s writes hours of these inputs (process %d on %s, since %s UTC); wait for it, or %d s if it was killed"
                            .formatted(
                                    cluster,
                                    rival.get().pid(),
                                    rival.get().machine(),
                                    rival.get().startedAt(),
                                    rival.get().lapsesInS()));
        }
        BackfillRegister.Outcome outcome = BackfillRegister.Outcome.FAILED;
        try {
            Optional<List<String>> others = register.rowsOfOthers();
            if (others.isPresent() && !replace) {
                outcome = BackfillRegister.Outcome.REFUSED;
                throw new UsageException(
                        "cluster %s already has %s rows of other inputs between %s and %s; add --replace to replace them"
                                .formatted(
                                        cluster,
                                        others.get().get(0),
                                        others.get().get(1),
                                        others.get().get(2)));
            }
            Optional<String> finished = register.finished();
            if (others.isEmpty() && finished.isPresent()) {
                say(
                        "the ledger has these inputs since %s UTC; nothing to change"
                                .formatted(finished.get()));
            } else {
                compute(warehouse, sink, spool, digest);
            }
            outcome = BackfillRegister.Outcome.DONE;
        } finally {
            register.close(outcome);
        }
    }

    private void compute(Warehouse warehouse, SpoolSink sink, Path spool, long digest)
            throws Exception {
        long floor =
                Long.parseLong(
                        warehouse
                                .query(
                                        "SELECT greatest(max(revision), 0) + 1 FROM usage_minute "
                                                + "WHERE cluster = {cluster:String}",
                                        Map.of("cluster", cluster))
                                .get(0)
                                .get(0));
        long began = Math.max(floor, System.currentTimeMillis() * 1000);
        BackfillJob.run(
                spool,
                registryDirectory == null
                        ? RegistryState.none()
                        : new RegistryState(1, RegistryText.of(registry)),
                AttributionSettings.backfill(ledger.attribution(), digest, began),
                GpuLedger.sinkInto(warehouse),
                Math.min(2, Runtime.getRuntime().availableProcessors()));
        if (replace) {
            emptyStale(warehouse, "usage_minute", sink, began);
            emptyStale(warehouse, "usage_hour", sink, began);
        }
        sink.writeDeadLetters(warehouse, cluster, digest);
        setAside = setAside(warehouse, digest) - sink.deadLetters().size();
        if (setAside > 0) {
            say(
                    "%d records or rows were set aside by the job (table dead_letters has the reasons); rows of reason BALANCE are a fault of the program, report them"
                            .formatted(setAside));
        }
    }

    /**
     * Dead letters of these inputs, those that the readers wrote included. A record that cannot be
     * true is not believed its cluster either.
     */
    private long setAside(Warehouse warehouse, long digest) {
        return Long.parseLong(
                warehouse
                        .query(
                                """
                                SELECT count() FROM dead_letters
                                WHERE cluster IN ({cluster:String}, '') AND input_digest = {digest:UInt64}
                                """,
                                Map.of("cluster", cluster, "digest", Long.toUnsignedString(digest)))
                        .get(0)
                        .get(0));
    }

    /**
     * Keys that the new inputs know nothing of get an explicit empty row. A row has content when it
     * has holders: that of devices without a position may exist for 0 ms and still hold time.
     */
    private void emptyStale(Warehouse warehouse, String table, SpoolSink sink, long began) {
        warehouse.execute(
                """
                INSERT INTO {table:Identifier}
                    (cluster, host, gpu_index, unplaced_run, window_start, exists_ms, revision)
                SELECT cluster, host, gpu_index, unplaced_run, window_start, 0, {began:UInt64}
                FROM {table:Identifier} FINAL
                WHERE cluster = {cluster:String} AND revision < {began:UInt64} AND notEmpty(holders.gpu_ms)
                  AND window_start >= toStartOfHour(toDateTime({from:Int64}, 'UTC'))
                  AND window_start <= toDateTime({to:Int64}, 'UTC')
                """,
                Map.of(
                        "table",
                        table,
                        "began",
                        Long.toString(began),
                        "cluster",
                        cluster,
                        "from",
                        Long.toString(Math.floorDiv(sink.firstMs(), 1000L)),
                        "to",
                        Long.toString(Math.floorDiv(sink.lastMs(), 1000L))));
    }

    private void report(InputFiles slurmFiles, InputFiles dcgmFiles, SpoolSink sink) {
        PrintWriter out = spec.commandLine().getErr();
        long read = 0;
        long used = 0;
        long duplicate = 0;
        for (InputCount count : sink.counts()) {
            read += count.read();
            used += count.used();
            duplicate += count.duplicate();
        }
        int files = slurmFiles.files().size() + dcgmFiles.files().size();
        out.printf(
                "%d files, %d records: %d used, %d duplicate, %d ignored, %d dead letters%n",
                files,
                read,
                used,
                duplicate,
                read - used - duplicate - sink.deadLetters().size(),
                sink.deadLetters().size());
        ignored(List.of(slurmFiles, dcgmFiles)).forEach(out::println);
        sink.uncounted().ifPresent(out::println);
        sink.deadLetters().stream()
                .limit(10)
                .forEach(
                        d ->
                                out.println(
                                        "dead letter "
                                                + d.getSource()
                                                + ":"
                                                + d.getPosition()
                                                + " "
                                                + d.getReason()
                                                + ": "
                                                + d.getDetail()));
        out.flush();
    }

    /** One line per reason: a directory of recordings holds hundreds of other files. */
    private static List<String> ignored(List<InputFiles> groups) {
        Map<String, List<Path>> byReason = new TreeMap<>();
        for (InputFiles group : groups) {
            group.ignored()
                    .forEach(
                            i ->
                                    byReason.computeIfAbsent(i.reason(), r -> new ArrayList<>())
                                            .add(i.path()));
        }
        return byReason.entrySet().stream()
                .map(
                        e ->
                                "ignored %s%s: %s"
                                        .formatted(
                                                e.getValue().get(0),
                                                e.getValue().size() == 1
                                                        ? ""
                                                        : " and %d others"
                                                                .formatted(e.getValue().size() - 1),
                                                e.getKey()))
                .toList();
    }

    private void say(String text) {
        PrintWriter err = spec.commandLine().getErr();
        err.println(text);
        err.flush();
    }

    static @Nullable Long observedAtMs(@Nullable String observedAt) {
        if (observedAt == null) {
            return null;
        }
        try {
            return Instants.checked(
                    OffsetDateTime.parse(observedAt).toInstant().toEpochMilli(), observedAt);
        } catch (BadRecordException e) {
            throw new UsageException("--observed-at " + e.detail());
        } catch (DateTimeException | ArithmeticException e) {
            throw new UsageException(
                    "--observed-at %s is no instant; give one like 2026-11-23T12:00:00Z"
                            .formatted(observedAt));
        }
    }

    /** What each file holds, in the order they are read: copies are equal. */
    private static Map<InputFile, String> contents(List<InputFiles> groups) throws InputException {
        Map<InputFile, String> contents = new LinkedHashMap<>();
        for (InputFiles group : groups) {
            for (InputFile file : group.files()) {
                MessageDigest sha = sha256();
                try (InputStream in = new DigestInputStream(file.open(), sha)) {
                    in.transferTo(java.io.OutputStream.nullOutputStream());
                } catch (IOException e) {
                    throw InputFile.unreadable(file.path(), e);
                }
                contents.put(file, HexFormat.of().formatHex(sha.digest()) + file.nameTimeMs());
            }
        }
        return contents;
    }

    /**
     * The same files in any order, copies or not, are the same inputs; of a name only the time of
     * observation counts.
     */
    private long digest(Map<InputFile, String> contents) {
        Set<String> hashes = new TreeSet<>(contents.values());
        MessageDigest all = sha256();
        hashes.forEach(h -> all.update(h.getBytes(StandardCharsets.UTF_8)));
        all.update(
                (cluster + zone + observedAt + scrapeIntervalS + chosen() + charges())
                        .getBytes(StandardCharsets.UTF_8));
        return ByteBuffer.wrap(all.digest()).getLong() | 1;
    }

    /** What of the registry changes the rows; nothing where it charges nothing otherwise. */
    private String charges() {
        String text = RegistryText.ofCharges(registry);
        return text.equals(RegistryText.ofCharges(Registry.EMPTY)) ? "" : "|" + text;
    }

    /** What a backfill writes depends on its inputs alone; not everybody will expect that. */
    private void warnOfRegistry(Warehouse warehouse) {
        if (registryDirectory == null) {
            new RegistryLog(warehouse)
                    .latest()
                    .ifPresent(
                            v ->
                                    say(
                                            "warning: registry version %d is in force but does not charge this backfill, its usage goes to 'unmapped'; give --registry DIR"
                                                    .formatted(v.version())));
        }
    }

    /** What the site chose that changes the rows of the same files; nothing where it chose none. */
    private String chosen() {
        AttributionSettings.Choice ours = ledger.attribution();
        AttributionSettings.Choice standard = AttributionSettings.Choice.STANDARD;
        boolean same =
                ours.schedulerGapMs() == standard.schedulerGapMs()
                        && ours.energyGapMs() == standard.energyGapMs()
                        && ours.heldIdlePpm() == standard.heldIdlePpm();
        return same
                ? ""
                : "|%d|%d|%d"
                        .formatted(ours.schedulerGapMs(), ours.energyGapMs(), ours.heldIdlePpm());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
