-- What statements are made of and where they are kept. Nothing here is ever changed: what is learned later is in the next one.

-- A month that was begun to close: its knowledge time and registry, the same for all grants. The first one of a month
-- counts. Append-only.
CREATE TABLE IF NOT EXISTS statement_closes
(
    period String,                       -- as 2026-10
    zone String,                         -- whose month it is
    known_at_ms Int64,                   -- knowledge time
    registry_version UInt64,
    override_reason String,              -- why it was closed although something was open
    open_items Array(String),            -- what was open then
    closed_by String,
    begun_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (period, begun_at);

-- The months that are closed for all grants. A second row with another digest would be a forgery: verify tells.
CREATE TABLE IF NOT EXISTS statement_months
(
    period String,
    known_at_ms Int64,
    statements UInt32,
    digest String,                       -- SHA-256 of the digests of its statements, a line each, by grant
    closed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (period, digest);

-- The statements themselves. The body is the statement; the other columns say where it is found. The digest is in the
-- key, so that a second one of the same month stays to be seen.
CREATE TABLE IF NOT EXISTS statements
(
    grant_id String,
    period String,
    sequence UInt32,                     -- counts those of the grant, from 1
    known_at_ms Int64,
    registry_version UInt64,
    previous_digest String,              -- of the grant's statement before, '' for the first
    digest String,                       -- SHA-256 of body
    body String CODEC(ZSTD(3)),          -- canonical JSON
    closed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (grant_id, period, digest);

-- Their lines, for queries. Written before the statement that they belong to; read statement_lines_current.
CREATE TABLE IF NOT EXISTS statement_lines
(
    grant_id String,
    period String,                       -- of the statement
    digest String,                       -- of the statement
    line UInt32,
    kind LowCardinality(String),         -- usage, adjustment, correction
    of_period String,                    -- the month that the line is about
    cluster LowCardinality(String),
    gpu_model LowCardinality(String),
    price String,                        -- of a GPU-hour, decimal; '' for none
    currency LowCardinality(String),
    adjustment_id String,
    gpu_ms Int64,                        -- allocated and suspended
    charged_gpu_us Int64,
    credited_gpu_us Int64,
    amount_minor Int64,                  -- in the smallest unit of the currency
    note String
)
ENGINE = ReplacingMergeTree
ORDER BY (grant_id, period, digest, line);

-- What each comparison of a cluster's accounting with the ledger found. Append-only.
CREATE TABLE IF NOT EXISTS reconciliations
(
    cluster LowCardinality(String),
    recorded_at DateTime64(3, 'UTC'),
    from_ms Int64,
    to_ms Int64,                         -- exclusive
    runs_compared UInt64,
    scheduler_gpu_ms Int64,
    ledger_gpu_ms Int64,
    unexplained_gpu_ms Int64,
    tolerance_gpu_ms Int64,              -- that was asked for
    quota_compared UInt8,
    quota_explained UInt8,
    recorded_by String
)
ENGINE = MergeTree
ORDER BY (cluster, recorded_at);
