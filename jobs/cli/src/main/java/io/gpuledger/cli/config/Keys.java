package io.gpuledger.cli.config;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;

/** Every key there is. */
public final class Keys {
    public static final Key<Path> DATA =
            new Key<>(
                    "data",
                    ValueType.path(),
                    "~/.local/share/gpu-ledger",
                    "Data, logs and checkpoints of the local stack.");
    public static final Key<Path> CACHE =
            new Key<>(
                    "cache",
                    ValueType.path(),
                    "~/.cache/gpu-ledger",
                    "What the local stack fetched and can fetch again.");
    public static final Key<String> CLUSTER =
            new Key<>(
                    "cluster",
                    ValueType.text(),
                    "",
                    "Cluster of backfill, reconcile and collect when --cluster is not given.");
    public static final Key<ZoneId> ZONE =
            new Key<>(
                    "zone",
                    ValueType.zone(),
                    "UTC",
                    "Zone of times without one, in files and options, and of hours and days.");
    public static final Key<Duration> SCRAPE_INTERVAL =
            new Key<>(
                    "scrape_interval",
                    ValueType.duration("1s", "1s", "1h"),
                    "30s",
                    "How often collect dcgm scrapes, and how often the scrapes of a backfill were taken.");

    public static final Key<String> CLICKHOUSE_URL =
            new Key<>(
                    "clickhouse.url",
                    ValueType.server(),
                    "",
                    "ClickHouse over HTTP. Empty: the local stack's, which up and demo always use.");
    public static final Key<String> CLICKHOUSE_USER =
            new Key<>(
                    "clickhouse.user",
                    ValueType.text(),
                    "default",
                    "User at clickhouse.url; the local stack needs none.");
    public static final Key<String> CLICKHOUSE_PASSWORD =
            new Key<>(
                    "clickhouse.password",
                    ValueType.secret(),
                    "",
                    "Password at clickhouse.url. Better kept in a file of its own or in the environment.");
    public static final Key<Optional<Path>> CLICKHOUSE_PASSWORD_FILE =
            new Key<>(
                    "clickhouse.password_file",
                    ValueType.optionalPath(),
                    "",
                    "File whose first line is the password, instead of clickhouse.password.");
    public static final Key<String> CLICKHOUSE_DATABASE =
            new Key<>(
                    "clickhouse.database",
                    ValueType.text(),
                    "gpu_ledger",
                    "Database with the tables and views.");
    public static final Key<String> KAFKA_BROKERS =
            new Key<>(
                    "kafka.brokers",
                    ValueType.brokers(),
                    "",
                    "Kafka. Empty: the local stack's, which up and demo always use.");

    public static final Key<Integer> LOCAL_CLICKHOUSE_PORT =
            new Key<>(
                    "local.clickhouse_port",
                    ValueType.port(),
                    "0",
                    "Port of the local stack's ClickHouse on loopback; 0 is a free one.");
    public static final Key<Integer> LOCAL_KAFKA_PORT =
            new Key<>(
                    "local.kafka_port",
                    ValueType.port(),
                    "0",
                    "Port of the local stack's Kafka on loopback; 0 is a free one.");

    public static final Key<Duration> SETTLE =
            new Key<>(
                    "attribution.settle",
                    ValueType.duration("1min", "0min", "1h"),
                    "2min",
                    "A minute is written this long after its end; what comes later is a correction.");
    public static final Key<Duration> HORIZON =
            new Key<>(
                    "attribution.horizon",
                    ValueType.duration("1h", "1h", "30d"),
                    "48h",
                    "How far back later input changes what was written. A longer one needs new checkpoints.");
    public static final Key<Duration> SCHEDULER_GAP =
            new Key<>(
                    "attribution.scheduler_gap",
                    ValueType.duration("1ms", "1s", "1d"),
                    "5min",
                    "Polls of the scheduler at most this far apart make the time between them known.");
    public static final Key<Duration> FUTURE =
            new Key<>(
                    "attribution.future",
                    ValueType.duration("1ms", "1s", "1d"),
                    "5min",
                    "A record observed this much later than Kafka got it has a wrong clock and is set aside.");
    public static final Key<Duration> ENERGY_GAP =
            new Key<>(
                    "attribution.energy_gap",
                    ValueType.duration("1ms", "1s", "30d"),
                    "12h",
                    "An energy counter's increase is spread over gaps in the samples up to this.");
    public static final Key<Long> HELD_IDLE_ACTIVITY =
            new Key<>(
                    "attribution.held_idle_activity",
                    ValueType.percent(),
                    "1%",
                    "A held GPU with at most this activity counts as held but idle.");
    public static final Key<Duration> SOURCE_IDLE =
            new Key<>(
                    "attribution.source_idle",
                    ValueType.duration("1s", "1s", "1d"),
                    "60s",
                    "A silent source holds back event time at most this long; 5 s in the local stack.");
    public static final Key<Integer> PARALLELISM =
            new Key<>(
                    "attribution.parallelism",
                    ValueType.count(1024),
                    "2",
                    "Subtasks of each step of the job.");
    public static final Key<Integer> WEB_PORT =
            new Key<>(
                    "attribution.web_port",
                    ValueType.port(),
                    "8081",
                    "Port of Flink's pages on loopback; a free one in the local stack.");
    public static final Key<Optional<Path>> CHECKPOINTS =
            new Key<>(
                    "attribution.checkpoints",
                    ValueType.optionalPath(),
                    "",
                    "Directory of the job's checkpoints. Empty: below data.");

    public static final Key<Duration> QUOTA_BURN_WINDOW =
            new Key<>(
                    "quota.burn_window",
                    ValueType.duration("1h", "1h", "366d"),
                    "7d",
                    "The trailing forecast of quota goes on as a grant burnt in this time.");
    public static final Key<Integer> QUOTA_PARALLELISM =
            new Key<>(
                    "quota.parallelism",
                    ValueType.count(1024),
                    "1",
                    "Subtasks of each step of the quota job.");
    public static final Key<Integer> QUOTA_WEB_PORT =
            new Key<>(
                    "quota.web_port",
                    ValueType.port(),
                    "8082",
                    "Port of Flink's pages of the quota job on loopback; a free one in the local stack.");
    public static final Key<Optional<Path>> QUOTA_CHECKPOINTS =
            new Key<>(
                    "quota.checkpoints",
                    ValueType.optionalPath(),
                    "",
                    "Directory of the quota job's checkpoints. Empty: below data.");

    public static final Key<Optional<Path>> COLLECT_TOKEN_FILE =
            new Key<>(
                    "collect.token_file",
                    ValueType.optionalPath(),
                    "",
                    "File whose first line senders must show to the collectors' receivers; needed beyond loopback.");
    public static final Key<List<String>> DCGM_TARGETS =
            new Key<>(
                    "collect.dcgm.targets",
                    ValueType.list("host:port"),
                    "",
                    "Exporters that collect dcgm scrapes, or whole addresses of their metrics.");
    public static final Key<List<String>> DCGM_TARGET_FILES =
            new Key<>(
                    "collect.dcgm.target_files",
                    ValueType.list("path"),
                    "",
                    "Files that name exporters: one a line, or Prometheus' file_sd as .json or .yaml.");
    public static final Key<List<String>> DCGM_TARGET_NAMES =
            new Key<>(
                    "collect.dcgm.target_names",
                    ValueType.list("host:port"),
                    "",
                    "Names whose every address in DNS is an exporter.");
    public static final Key<Duration> DCGM_REFRESH =
            new Key<>(
                    "collect.dcgm.refresh",
                    ValueType.duration("1s", "1s", "1h"),
                    "30s",
                    "How often files and names are read again.");
    public static final Key<Duration> DCGM_TIMEOUT =
            new Key<>(
                    "collect.dcgm.timeout",
                    ValueType.duration("1ms", "100ms", "1min"),
                    "10s",
                    "An exporter that has not answered whole by then is given up; at most the scrape interval.");
    public static final Key<Boolean> DCGM_ALIGNED =
            new Key<>(
                    "collect.dcgm.aligned",
                    ValueType.flag(),
                    "false",
                    "Scrape all exporters at once on the whole interval, instead of spread over it.");
    public static final Key<Optional<Path>> DCGM_BEARER_FILE =
            new Key<>(
                    "collect.dcgm.bearer_token_file",
                    ValueType.optionalPath(),
                    "",
                    "File whose first line is shown to exporters as a bearer token.");
    public static final Key<Optional<InetSocketAddress>> DCGM_LISTEN =
            new Key<>(
                    "collect.dcgm.listen",
                    ValueType.listen(),
                    "127.0.0.1:9410",
                    "Where collect dcgm shows its metrics and takes remote writes.");
    public static final Key<Boolean> DCGM_REMOTE_WRITE =
            new Key<>(
                    "collect.dcgm.remote_write",
                    ValueType.flag(),
                    "false",
                    "Take what a Prometheus writes to /api/v1/write.");

    public static final Key<String> SLURM_SLURMRESTD =
            new Key<>(
                    "collect.slurm.slurmrestd",
                    ValueType.server(),
                    "",
                    "Where collect slurm asks. Empty: Slurm's own commands are run.");
    public static final Key<String> SLURM_USER =
            new Key<>(
                    "collect.slurm.user",
                    ValueType.text(),
                    "",
                    "User of the token at slurmrestd. Empty: the user of this process.");
    public static final Key<Optional<Path>> SLURM_TOKEN_FILE =
            new Key<>(
                    "collect.slurm.token_file",
                    ValueType.optionalPath(),
                    "",
                    "File with the JWT of scontrol token, read anew for each question. Empty: SLURM_JWT.");
    public static final Key<String> SLURM_COMMANDS =
            new Key<>(
                    "collect.slurm.commands",
                    ValueType.text(),
                    "",
                    "Directory of squeue, scontrol, sacct and sacctmgr. Empty: the PATH.");
    public static final Key<Duration> SLURM_POLL =
            new Key<>(
                    "collect.slurm.poll",
                    ValueType.duration("1s", "1s", "5min"),
                    "5s",
                    "How often the controller is asked for all jobs.");
    public static final Key<Duration> SLURM_NODES =
            new Key<>(
                    "collect.slurm.nodes",
                    ValueType.duration("1s", "1s", "1h"),
                    "30s",
                    "How often it is asked for nodes and reservations.");
    public static final Key<Duration> SLURM_ACCOUNTING =
            new Key<>(
                    "collect.slurm.accounting",
                    ValueType.duration("1s", "1s", "1h"),
                    "30s",
                    "How often accounting is asked.");
    public static final Key<Duration> SLURM_OVERLAP =
            new Key<>(
                    "collect.slurm.overlap",
                    ValueType.duration("1min", "1min", "7d"),
                    "2h",
                    "How far back accounting is asked each time: Slurm rewrites rows.");
    public static final Key<Duration> SLURM_REACH =
            new Key<>(
                    "collect.slurm.reach",
                    ValueType.duration("1h", "1h", "30d"),
                    "48h",
                    "How far back accounting is asked at the start and once an hour.");
    public static final Key<Optional<Path>> SLURM_HOOK_SPOOL =
            new Key<>(
                    "collect.slurm.hook_spool",
                    ValueType.optionalPath(),
                    "",
                    "Directory where deploy/slurm's prolog and epilog leave what they know, if this machine sees it.");
    public static final Key<String> SLURM_JOBCOMP_TOPIC =
            new Key<>(
                    "collect.slurm.jobcomp_topic",
                    ValueType.text(),
                    "",
                    "Topic that Slurm's jobcomp/kafka writes to, at kafka.brokers. Empty: none.");
    public static final Key<Optional<InetSocketAddress>> SLURM_LISTEN =
            new Key<>(
                    "collect.slurm.listen",
                    ValueType.listen(),
                    "127.0.0.1:9411",
                    "Where collect slurm shows its metrics and takes hooks and jobcomp/elasticsearch.");

    public static final Key<Duration> ENFORCE_EVERY =
            new Key<>(
                    "enforce.every",
                    ValueType.duration("1s", "1s", "1h"),
                    "5s",
                    "How often enforce slurm compares what should be with what is.");
    public static final Key<Duration> ENFORCE_STALE =
            new Key<>(
                    "enforce.stale_after",
                    ValueType.duration("1s", "10s", "1d"),
                    "5min",
                    "A grant whose balance is older than this is left as it is.");
    public static final Key<String> ENFORCE_SLURM_CLUSTER =
            new Key<>(
                    "enforce.slurm_cluster",
                    ValueType.text(),
                    "",
                    "ClusterName in Slurm's database. Empty: the cluster's name here.");

    public static final Key<Duration> CLOSE_LAG =
            new Key<>(
                    "statements.close_lag",
                    ValueType.duration("1s", "0s", "7d"),
                    "10min",
                    "A statement knows what was in the ledger this long before it was closed.");
    public static final Key<Duration> RECONCILE_TOLERANCE =
            new Key<>(
                    "statements.tolerance",
                    ValueType.duration("1s", "0s", "36500d"),
                    "0s",
                    "GPU time of a cluster and month that reconcile may leave unexplained.");

    public static final Key<String> ISSUER =
            new Key<>(
                    "statements.issuer",
                    ValueType.text(),
                    "GPU Ledger site",
                    "Who runs the site, as exports of statements name it.");

    public static final Key<Duration> CREDIT_WINDOW =
            new Key<>(
                    "credits.window",
                    ValueType.duration("1h", "1h", "31d"),
                    "24h",
                    "At most what a run lost to the site was charged in this time before its end is credited.");

    /** In the order of the template. */
    public static final List<Key<?>> ALL =
            List.of(
                    DATA,
                    CACHE,
                    CLUSTER,
                    ZONE,
                    SCRAPE_INTERVAL,
                    CLICKHOUSE_URL,
                    CLICKHOUSE_USER,
                    CLICKHOUSE_PASSWORD,
                    CLICKHOUSE_PASSWORD_FILE,
                    CLICKHOUSE_DATABASE,
                    KAFKA_BROKERS,
                    LOCAL_CLICKHOUSE_PORT,
                    LOCAL_KAFKA_PORT,
                    SETTLE,
                    HORIZON,
                    SCHEDULER_GAP,
                    FUTURE,
                    ENERGY_GAP,
                    HELD_IDLE_ACTIVITY,
                    SOURCE_IDLE,
                    PARALLELISM,
                    WEB_PORT,
                    CHECKPOINTS,
                    QUOTA_BURN_WINDOW,
                    QUOTA_PARALLELISM,
                    QUOTA_WEB_PORT,
                    QUOTA_CHECKPOINTS,
                    COLLECT_TOKEN_FILE,
                    DCGM_TARGETS,
                    DCGM_TARGET_FILES,
                    DCGM_TARGET_NAMES,
                    DCGM_REFRESH,
                    DCGM_TIMEOUT,
                    DCGM_ALIGNED,
                    DCGM_BEARER_FILE,
                    DCGM_LISTEN,
                    DCGM_REMOTE_WRITE,
                    SLURM_SLURMRESTD,
                    SLURM_USER,
                    SLURM_TOKEN_FILE,
                    SLURM_COMMANDS,
                    SLURM_POLL,
                    SLURM_NODES,
                    SLURM_ACCOUNTING,
                    SLURM_OVERLAP,
                    SLURM_REACH,
                    SLURM_HOOK_SPOOL,
                    SLURM_JOBCOMP_TOPIC,
                    SLURM_LISTEN,
                    ENFORCE_EVERY,
                    ENFORCE_STALE,
                    ENFORCE_SLURM_CLUSTER,
                    CLOSE_LAG,
                    RECONCILE_TOLERANCE,
                    ISSUER,
                    CREDIT_WINDOW);

    private Keys() {}

    static Optional<Key<?>> named(String name) {
        return ALL.stream().filter(key -> key.name().equals(name)).findFirst();
    }
}
