package io.gpuledger.statements;

import io.gpuledger.core.statement.Period;
import java.util.List;

/**
 * A month that was begun to close: what its statements are made of.
 *
 * @param override why it was closed although something was open, else empty
 * @param openItems what was open
 */
public record Close(
        Period period,
        long knownAtMs,
        long registryVersion,
        String override,
        List<String> openItems,
        String closedBy) {
    public Close {
        openItems = List.copyOf(openItems);
    }
}
