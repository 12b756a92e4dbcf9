-- One row per statement.
CREATE OR REPLACE VIEW statements_current AS
SELECT *
FROM statements FINAL;
