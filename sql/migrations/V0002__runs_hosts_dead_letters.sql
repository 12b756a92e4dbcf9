-- One row per run; the highest revision wins. withdrawn: the start turned out to be another run's.
CREATE TABLE IF NOT EXISTS runs
(
    cluster LowCardinality(String),
    run_id String,
    raw_job_id Int64,
    job_id String,
    account LowCardinality(String),
    user LowCardinality(String),
    partition LowCardinality(String),
    qos LowCardinality(String),
    name String,
    state LowCardinality(String),
    submit_ms Nullable(Int64),
    start_ms Int64,
    held_end_ms Nullable(Int64),      -- exclusive; NULL while open
    flags UInt32,                     -- bits as in usage_minute
    gpu_count Int32,
    scheduled_start_ms Array(Int64),  -- the accounting rows, as the scheduler charges them
    scheduled_end_ms Array(Int64),
    scheduled_gpus Array(Int32),
    withdrawn UInt8,
    input_digest UInt64,
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (cluster, run_id);

-- The latest state of each host at each observation.
CREATE TABLE IF NOT EXISTS hosts
(
    cluster LowCardinality(String),
    host LowCardinality(String),
    observed_at_ms Int64,
    states Array(LowCardinality(String)),
    gpu_count Int32,
    gres String,
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (cluster, host, observed_at_ms);

-- What could not be used, where it was and why. Append-only.
CREATE TABLE IF NOT EXISTS dead_letters
(
    cluster LowCardinality(String),
    recorded_at DateTime64(3, 'UTC'),
    reason LowCardinality(String),
    detail String,
    source String,
    partition Int32,
    position Int64,
    payload String,
    input_digest UInt64
)
ENGINE = MergeTree
ORDER BY (cluster, recorded_at);
