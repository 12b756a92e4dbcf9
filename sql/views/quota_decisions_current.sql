-- One row per decision.
CREATE OR REPLACE VIEW quota_decisions_current AS
SELECT *
FROM quota_decisions FINAL;
