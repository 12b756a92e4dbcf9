-- What enforcement did to a scheduler's associations, and what it left undone; append-only.
-- The last row of an association that is 'BEGUN' or 'DONE' says which measure holds there and which limits come back in the end.
-- Limits: -1 is none.
CREATE TABLE IF NOT EXISTS enforcement_log
(
    recorded_at DateTime64(6, 'UTC'),
    cluster LowCardinality(String),
    account String,
    user String,                         -- empty: the account as a whole
    grant_id String,
    sequence Int64,                      -- of the decision
    measure LowCardinality(String),      -- NONE, HOLD, REFUSE, DRAIN
    before_gpus Int64,
    before_submitted Int64,
    after_gpus Int64,
    after_submitted Int64,
    original_gpus Int64,
    original_submitted Int64,
    outcome LowCardinality(String),      -- BEGUN before it is tried, then DONE or FAILED
    command String,
    detail String,
    actor String                         -- user@machine of the enforcer
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (cluster, account, user, recorded_at);
