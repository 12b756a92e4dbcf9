-- One row per line of a statement that is closed.
CREATE OR REPLACE VIEW statement_lines_current AS
SELECT *
FROM statement_lines FINAL
WHERE (grant_id, period, digest) IN (SELECT grant_id, period, digest FROM statements FINAL);
