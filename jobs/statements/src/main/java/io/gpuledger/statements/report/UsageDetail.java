package io.gpuledger.statements.report;

import java.time.LocalDate;

/**
 * Usage of one run on one day of the site's zone, as known when its month was closed.
 *
 * @param runId empty for time that is not a run's
 */
record UsageDetail(
        LocalDate day,
        String grantId,
        String cluster,
        String user,
        String account,
        String runId,
        String jobId,
        Sums sums) {}
