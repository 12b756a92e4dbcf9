-- How each grant stands now; the highest revision wins. Written by the quota job at least every minute.
-- Amounts are charged GPU microseconds.
CREATE TABLE IF NOT EXISTS quota_state
(
    grant_id String,
    as_of_ms Int64,
    state LowCardinality(String),        -- OK, WARNING, CRITICAL, EXHAUSTED, EXPIRED
    action LowCardinality(String),       -- of the last decision: ALLOW, WARN, HOLD, REFUSE, DRAIN
    dry_run UInt8,
    sequence Int64,                      -- of the last decision, 0 before the first
    limited UInt8,                       -- 0: no budget limits it
    term_start_ms Int64,
    term_end_ms Int64,                   -- exclusive
    budget_gpu_us Int64,                 -- given, less what lapsed unused
    used_gpu_us Int64,
    settled_gpu_us Int64,                -- of it by ended runs
    running_gpu_us Int64,                -- of it by open runs so far
    committed_gpu_us Int64,
    lapsed_gpu_us Int64,                 -- expired unused
    running_gpu_milli Int64,             -- thousandths of GPUs held now
    open_runs Int32,
    burnt_gpu_us Int64,                  -- used in the last burn_window_ms
    burn_window_ms Int64,
    exhausts_running_ms Int64,           -- if the running set goes on; -1 never
    exhausts_trailing_ms Int64,          -- if use goes on as in the burn window; -1 never
    registry_version Int64,              -- 0: no registry knows the grant
    lines Nested
    (
        from_ms Int64,
        expires_ms Int64,
        given_gpu_us Int64,
        burnt_gpu_us Int64,
        lapsed_gpu_us Int64,
        note String
    ),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY grant_id;

-- Every decision that was published, a copy of the topic quota-decisions. A sequence never changes its meaning.
CREATE TABLE IF NOT EXISTS quota_decisions
(
    grant_id String,
    sequence Int64,                      -- counts up per grant
    action LowCardinality(String),
    state LowCardinality(String),
    effective_at_ms Int64,               -- the instant of the crossing
    decided_at_ms Int64,
    budget_gpu_us Int64,
    settled_gpu_us Int64,
    running_gpu_us Int64,
    committed_gpu_us Int64,
    dry_run UInt8,
    reason String
)
ENGINE = ReplacingMergeTree
ORDER BY (grant_id, sequence);

-- What each grant's balance has of each run; the highest revision wins. No stretches: both amounts 0.
CREATE TABLE IF NOT EXISTS quota_runs
(
    grant_id String,
    cluster LowCardinality(String),
    run_id String,
    open UInt8,                          -- 1: amounts are as of as_of_ms and grow
    as_of_ms Int64,
    gpu_ms Int64,
    charged_gpu_us Int64,
    flags UInt32,                        -- bits as in usage_minute
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (cluster, run_id, grant_id);
