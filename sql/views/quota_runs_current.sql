-- One row per run and grant: what the grant's balance has of the run.
CREATE OR REPLACE VIEW quota_runs_current AS
SELECT *
FROM quota_runs FINAL
WHERE gpu_ms != 0 OR charged_gpu_us != 0 OR open;
