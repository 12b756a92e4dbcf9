package io.gpuledger.flink;

import java.util.List;

/** The tables the jobs write and their columns, in the order of the encoded row. */
public enum SinkTable {
    USAGE_MINUTE("usage_minute", Columns.USAGE),
    USAGE_HOUR("usage_hour", Columns.USAGE),
    RUNS(
            "runs",
            List.of(
                    "cluster",
                    "run_id",
                    "raw_job_id",
                    "job_id",
                    "account",
                    "user",
                    "partition",
                    "qos",
                    "name",
                    "state",
                    "submit_ms",
                    "start_ms",
                    "held_end_ms",
                    "flags",
                    "gpu_count",
                    "scheduled_start_ms",
                    "scheduled_end_ms",
                    "scheduled_gpus",
                    "gpu_types",
                    "withdrawn",
                    "input_digest",
                    "revision")),
    HOSTS(
            "hosts",
            List.of(
                    "cluster",
                    "host",
                    "observed_at_ms",
                    "states",
                    "gpu_count",
                    "gres",
                    "revision")),
    JOB_SNAPSHOTS(
            "job_snapshots",
            List.of(
                    "cluster",
                    "raw_job_id",
                    "observed_at_ms",
                    "content_key",
                    "source",
                    "state",
                    "start_ms",
                    "end_ms",
                    "read_from",
                    "partition",
                    "position",
                    "input_digest",
                    "record")),
    GPU_ERRORS(
            "gpu_errors",
            List.of(
                    "cluster",
                    "host",
                    "gpu_index",
                    "instance",
                    "gpu_uuid",
                    "observed_at_ms",
                    "xid",
                    "is_new",
                    "read_from",
                    "partition",
                    "position",
                    "input_digest")),
    QUOTA_RUNS(
            "quota_runs",
            List.of(
                    "grant_id",
                    "cluster",
                    "run_id",
                    "open",
                    "as_of_ms",
                    "gpu_ms",
                    "charged_gpu_us",
                    "flags",
                    "revision")),
    QUOTA_STATE(
            "quota_state",
            List.of(
                    "grant_id",
                    "as_of_ms",
                    "state",
                    "action",
                    "dry_run",
                    "sequence",
                    "limited",
                    "term_start_ms",
                    "term_end_ms",
                    "budget_gpu_us",
                    "used_gpu_us",
                    "settled_gpu_us",
                    "running_gpu_us",
                    "committed_gpu_us",
                    "lapsed_gpu_us",
                    "running_gpu_milli",
                    "open_runs",
                    "burnt_gpu_us",
                    "burn_window_ms",
                    "exhausts_running_ms",
                    "exhausts_trailing_ms",
                    "registry_version",
                    "lines.from_ms",
                    "lines.expires_ms",
                    "lines.given_gpu_us",
                    "lines.burnt_gpu_us",
                    "lines.lapsed_gpu_us",
                    "lines.note",
                    "revision")),
    QUOTA_DECISIONS(
            "quota_decisions",
            List.of(
                    "grant_id",
                    "sequence",
                    "action",
                    "state",
                    "effective_at_ms",
                    "decided_at_ms",
                    "budget_gpu_us",
                    "settled_gpu_us",
                    "running_gpu_us",
                    "committed_gpu_us",
                    "dry_run",
                    "reason")),
    DEAD_LETTERS(
            "dead_letters",
            List.of(
                    "cluster",
                    "recorded_at",
                    "reason",
                    "detail",
                    "source",
                    "partition",
                    "position",
                    "payload",
                    "input_digest"));

    private final String tableName;

    @SuppressWarnings("ImmutableEnumChecker") // only ever List.of
    private final List<String> columns;

    SinkTable(String tableName, List<String> columns) {
        this.tableName = tableName;
        this.columns = columns;
    }

    public String tableName() {
        return tableName;
    }

    public List<String> columns() {
        return columns;
    }

    private static final class Columns {
        static final List<String> USAGE =
                List.of(
                        "cluster",
                        "host",
                        "gpu_index",
                        "unplaced_run",
                        "window_start",
                        "exists_ms",
                        "gpu_uuid",
                        "gpu_model",
                        "input_digest",
                        "revision",
                        "holders.bucket",
                        "holders.run_id",
                        "holders.job_id",
                        "holders.account",
                        "holders.user",
                        "holders.partition",
                        "holders.qos",
                        "holders.grant_id",
                        "holders.instance",
                        "holders.gpu_ms",
                        "holders.charged_gpu_us",
                        "holders.covered_ms",
                        "holders.active_gpu_us",
                        "holders.sm_active_gpu_us",
                        "holders.tensor_active_gpu_us",
                        "holders.dram_active_gpu_us",
                        "holders.memory_mib_ms",
                        "holders.energy_mj",
                        "holders.held_idle_ms",
                        "holders.flags");
    }
}
