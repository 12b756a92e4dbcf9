-- Every registry that was applied, a copy of the topic registry. Append-only: a version never changes, and writing
-- one again writes the same.
CREATE TABLE IF NOT EXISTS registry_log
(
    version UInt64,                      -- from 1; the highest one is in force
    recorded_at DateTime64(3, 'UTC'),    -- later than that of the version before
    recorded_by String,
    digest String,                       -- SHA-256 of body
    body String CODEC(ZSTD(3))           -- canonical JSON
)
ENGINE = ReplacingMergeTree
ORDER BY version;
