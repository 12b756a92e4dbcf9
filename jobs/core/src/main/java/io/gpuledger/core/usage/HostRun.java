package io.gpuledger.core.usage;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.time.Span;
import java.util.List;

/**
 * What one run has on one host.
 *
 * @param overheadUntilMs when the host's epilog freed the cards, 0 when no source tells
 */
public record HostRun(
        String runId,
        String jobId,
        String account,
        String user,
        String partition,
        String qos,
        long startMs,
        long endMs,
        long overheadUntilMs,
        List<Holding> holdings,
        List<Span> suspensions,
        int flags) {}
