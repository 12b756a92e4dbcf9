-- What was decided of each credit that was proposed for a run lost to the site. Append-only; the last one counts.
CREATE TABLE IF NOT EXISTS credit_decisions
(
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    proposal_id String,
    cluster LowCardinality(String),
    run_id String,
    grant_id String,
    decision LowCardinality(String),     -- ACCEPTED, REJECTED
    gpu_us Int64,                        -- charged GPU microseconds
    money String,                        -- decimal, in the currency of the grant's price list
    reason String,
    author String
)
ENGINE = MergeTree
ORDER BY (proposal_id, recorded_at);
