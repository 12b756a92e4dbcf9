-- Usage sorted by time before place. Questions are about spans of time: with the place first, every granule held some of each
-- hour of a month, and one hour was read as its whole month (decision 0030).
-- Rows are copied into a table of the new order, which then takes the name. What is written meanwhile goes into both, so
-- that nobody needs to stop; views follow the name, so that usage_hour_log_copy goes on with the new table.
-- An insert that is under way when the view comes, or when the names are exchanged, reaches the old table only. Once it has
-- had time to end, the old table is copied again; of the hours only what is missing, for what is copied is logged anew.
-- A month that nothing was written to for a day becomes one part: FINAL has nothing to merge there.

-- only if: SELECT sorting_key LIKE 'cluster, host%' FROM system.tables WHERE database = currentDatabase() AND name = 'usage_minute'
CREATE TABLE IF NOT EXISTS usage_minute_by_time AS usage_minute
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(window_start)
ORDER BY (cluster, window_start, host, gpu_index, unplaced_run)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;
CREATE MATERIALIZED VIEW IF NOT EXISTS usage_minute_by_time_copy TO usage_minute_by_time AS SELECT * FROM usage_minute;
INSERT INTO usage_minute_by_time SELECT * FROM usage_minute SETTINGS max_partitions_per_insert_block = 0;
EXCHANGE TABLES usage_minute AND usage_minute_by_time;

-- only if: SELECT sorting_key LIKE 'cluster, host%' AND total_rows > 0 FROM system.tables WHERE database = currentDatabase() AND name = 'usage_minute_by_time'
SELECT sleep(2);
INSERT INTO usage_minute SELECT * FROM usage_minute_by_time SETTINGS max_partitions_per_insert_block = 0;

DROP VIEW IF EXISTS usage_minute_by_time_copy;
DROP TABLE IF EXISTS usage_minute_by_time;

-- only if: SELECT sorting_key LIKE 'cluster, host%' FROM system.tables WHERE database = currentDatabase() AND name = 'usage_hour'
CREATE TABLE IF NOT EXISTS usage_hour_by_time AS usage_hour
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(window_start)
ORDER BY (cluster, window_start, host, gpu_index, unplaced_run)
SETTINGS min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;
CREATE MATERIALIZED VIEW IF NOT EXISTS usage_hour_by_time_copy TO usage_hour_by_time AS SELECT * FROM usage_hour;
INSERT INTO usage_hour_by_time SELECT * FROM usage_hour SETTINGS max_partitions_per_insert_block = 0;
EXCHANGE TABLES usage_hour AND usage_hour_by_time;

-- only if: SELECT sorting_key LIKE 'cluster, host%' AND total_rows > 0 FROM system.tables WHERE database = currentDatabase() AND name = 'usage_hour_by_time'
SELECT sleep(2);
INSERT INTO usage_hour SELECT * FROM usage_hour_by_time FINAL
WHERE cityHash64(cluster, window_start, host, gpu_index, unplaced_run, revision) NOT IN (SELECT cityHash64(cluster, window_start, host, gpu_index, unplaced_run, revision) FROM usage_hour) SETTINGS max_partitions_per_insert_block = 0;

DROP VIEW IF EXISTS usage_hour_by_time_copy;
DROP TABLE IF EXISTS usage_hour_by_time;
