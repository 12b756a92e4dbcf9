-- What each source said of a job, as it was read: the first time it said so, once for each hour in which it went on saying
-- so, and again after a restart; and, with each new row of a run, until when it went on. The runs follow from these alone, and from when the scheduler was heard.
CREATE TABLE IF NOT EXISTS job_snapshots
(
    cluster LowCardinality(String),
    raw_job_id Int64,
    observed_at_ms Int64,
    content_key String CODEC(ZSTD(1)),   -- equal for snapshots that say the same
    source LowCardinality(String),       -- ACCOUNTING, CONTROLLER, JOBCOMP or a hook
    state LowCardinality(String),
    start_ms Nullable(Int64),
    end_ms Nullable(Int64),
    read_from LowCardinality(String),    -- Kafka's topic; of a backfill its spool, and the record's origin is file and line; '' where it was only repeated
    partition Int32,
    position Int64,                      -- Kafka's offset, -1 where it was only repeated
    input_digest UInt64,                 -- 0: live; else the inputs of the backfill that read it
    record String CODEC(ZSTD(3))         -- JobSnapshotRecord, single-object Avro of any released schema
)
ENGINE = ReplacingMergeTree
ORDER BY (cluster, raw_job_id, observed_at_ms, content_key);
