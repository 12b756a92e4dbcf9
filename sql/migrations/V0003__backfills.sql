-- Every attempt to write the past from files: who may write now, and what is finished.
-- state: RUNNING (renewed while the process lives), DONE, FAILED (may have written), REFUSED (wrote nothing).
CREATE TABLE IF NOT EXISTS backfills
(
    cluster LowCardinality(String),
    attempt String,
    input_digest UInt64,
    program String,
    from_s Int64,                            -- first hour, inclusive
    to_s Int64,                              -- last hour's end, exclusive
    machine String,
    pid Int64,
    state LowCardinality(String),
    started_at DateTime64(3, 'UTC'),
    renewed_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (cluster, attempt);
