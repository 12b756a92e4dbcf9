-- flags (bits): 1 OPEN, 2 END_ESTIMATED, 4 DOUBLE_HOLD, 8 SPLIT_ASSUMED, 16 SHARED_SLOT, 32 INSTANCE_AS_SLOT,
-- 64 TIME_AMBIGUOUS, 128 SUSPENSION_ASSUMED, 256 ENERGY_FROM_POWER, 512 ENERGY_GAP.

-- What happened on one slot in one minute, all buckets together.
-- A row is identified by its sort key; the highest revision wins. Read the *_current views, not this table.
CREATE TABLE IF NOT EXISTS usage_minute
(
    cluster LowCardinality(String),
    host LowCardinality(String),
    gpu_index Int16,                                         -- the scheduler's index; -1: position unknown
    unplaced_run String CODEC(ZSTD(1)),                      -- run id where the host is unknown, else ''
    window_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)), -- inclusive
    exists_ms Int64 CODEC(T64, ZSTD(1)),
    gpu_uuid LowCardinality(String),
    gpu_model LowCardinality(String),
    input_digest UInt64 CODEC(ZSTD(1)),                      -- 0: live; else the inputs of the backfill that wrote it
    revision UInt64 CODEC(Delta, ZSTD(1)),                   -- max(last + 1, recorded microseconds)
    holders Nested
    (
        bucket LowCardinality(String),
        run_id String,
        job_id String,
        account LowCardinality(String),
        user LowCardinality(String),
        partition LowCardinality(String),
        qos LowCardinality(String),
        grant_id LowCardinality(String),
        instance Int16,
        gpu_ms Int64,
        charged_gpu_us Int64,
        covered_ms Int64,
        active_gpu_us Int64,
        sm_active_gpu_us Int64,
        tensor_active_gpu_us Int64,
        dram_active_gpu_us Int64,
        memory_mib_ms Int64,
        energy_mj Int64,
        held_idle_ms Int64,
        flags UInt32
    ),
    CONSTRAINT closed_balance CHECK arraySum(holders.gpu_ms) = exists_ms
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(window_start)
ORDER BY (cluster, host, gpu_index, unplaced_run, window_start);

-- The same per hour: the sum of its minutes.
-- A row is identified by its sort key; the highest revision wins. Read the *_current views, not this table.
CREATE TABLE IF NOT EXISTS usage_hour
(
    cluster LowCardinality(String),
    host LowCardinality(String),
    gpu_index Int16,                                         -- the scheduler's index; -1: position unknown
    unplaced_run String CODEC(ZSTD(1)),                      -- run id where the host is unknown, else ''
    window_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)), -- inclusive
    exists_ms Int64 CODEC(T64, ZSTD(1)),
    gpu_uuid LowCardinality(String),
    gpu_model LowCardinality(String),
    input_digest UInt64 CODEC(ZSTD(1)),                      -- 0: live; else the inputs of the backfill that wrote it
    revision UInt64 CODEC(Delta, ZSTD(1)),                   -- max(last + 1, recorded microseconds)
    holders Nested
    (
        bucket LowCardinality(String),
        run_id String,
        job_id String,
        account LowCardinality(String),
        user LowCardinality(String),
        partition LowCardinality(String),
        qos LowCardinality(String),
        grant_id LowCardinality(String),
        instance Int16,
        gpu_ms Int64,
        charged_gpu_us Int64,
        covered_ms Int64,
        active_gpu_us Int64,
        sm_active_gpu_us Int64,
        tensor_active_gpu_us Int64,
        dram_active_gpu_us Int64,
        memory_mib_ms Int64,
        energy_mj Int64,
        held_idle_ms Int64,
        flags UInt32
    ),
    CONSTRAINT closed_balance CHECK arraySum(holders.gpu_ms) = exists_ms
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(window_start)
ORDER BY (cluster, host, gpu_index, unplaced_run, window_start);

-- Every version of every hour row, with the time we learned it. A plain copy: nothing is summed.
CREATE TABLE IF NOT EXISTS usage_hour_log
(
    cluster LowCardinality(String),
    host LowCardinality(String),
    gpu_index Int16,
    unplaced_run String CODEC(ZSTD(1)),
    window_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    exists_ms Int64 CODEC(T64, ZSTD(1)),
    gpu_uuid LowCardinality(String),
    gpu_model LowCardinality(String),
    input_digest UInt64 CODEC(ZSTD(1)),
    revision UInt64 CODEC(Delta, ZSTD(1)),
    holders Nested
    (
        bucket LowCardinality(String),
        run_id String,
        job_id String,
        account LowCardinality(String),
        user LowCardinality(String),
        partition LowCardinality(String),
        qos LowCardinality(String),
        grant_id LowCardinality(String),
        instance Int16,
        gpu_ms Int64,
        charged_gpu_us Int64,
        covered_ms Int64,
        active_gpu_us Int64,
        sm_active_gpu_us Int64,
        tensor_active_gpu_us Int64,
        dram_active_gpu_us Int64,
        memory_mib_ms Int64,
        energy_mj Int64,
        held_idle_ms Int64,
        flags UInt32
    ),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(window_start)
ORDER BY (cluster, host, gpu_index, unplaced_run, window_start, revision);

CREATE MATERIALIZED VIEW IF NOT EXISTS usage_hour_log_copy TO usage_hour_log AS
SELECT *, now64(3, 'UTC') AS inserted_at FROM usage_hour;
