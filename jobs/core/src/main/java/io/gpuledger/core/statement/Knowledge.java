package io.gpuledger.core.statement;

import io.gpuledger.core.registry.Registry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What was known at an instant of all time before another.
 *
 * @param atMs the knowledge time; 0 before the first statement
 * @param registryVersion of the registry in force then
 * @param usage by grant
 */
public record Knowledge(
        long atMs, long registryVersion, Registry registry, Map<String, List<KnownUsage>> usage) {
    /** Before the first statement. */
    public static final Knowledge NONE = new Knowledge(0, 0, Registry.EMPTY, Map.of());

    /** Sorts usage by grant. */
    public static Knowledge of(
            long atMs, long registryVersion, Registry registry, List<KnownUsage> usage) {
        Map<String, List<KnownUsage>> byGrant = new HashMap<>();
        for (KnownUsage row : usage) {
            byGrant.computeIfAbsent(row.grantId(), g -> new ArrayList<>()).add(row);
        }
        return new Knowledge(atMs, registryVersion, registry, byGrant);
    }

    public Knowledge {
        usage = Map.copyOf(usage);
    }

    List<KnownUsage> of(String grantId) {
        return usage.getOrDefault(grantId, List.of());
    }

    /** Every grant that has usage or is in the registry. */
    public Set<String> grants() {
        Set<String> all = new TreeSet<>(usage.keySet());
        registry.grants().forEach(g -> all.add(g.id()));
        return all;
    }
}
