-- One row per grant: how it stands now.
CREATE OR REPLACE VIEW quota_state_current AS
SELECT
    *,
    budget_gpu_us - used_gpu_us AS left_gpu_us
FROM quota_state FINAL;
