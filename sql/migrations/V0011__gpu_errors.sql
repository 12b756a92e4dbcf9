-- XID errors as DCGM shows them (field 230): a GPU's last one, until its driver starts anew. A row when it changes.
CREATE TABLE IF NOT EXISTS gpu_errors
(
    cluster LowCardinality(String),
    host LowCardinality(String),
    gpu_index Int16,                     -- NVML's
    instance Int16,                      -- MIG instance, -1: the whole GPU
    gpu_uuid LowCardinality(String),
    observed_at_ms Int64,
    xid Int64,
    is_new UInt8,                        -- 0: it was there already when the job first saw the GPU, nobody knows since when
    read_from LowCardinality(String),    -- Kafka's topic, or the spool of a backfill
    partition Int32,
    position Int64,                      -- Kafka's offset
    input_digest UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (cluster, host, observed_at_ms, gpu_index, instance, xid);
