package io.gpuledger.statements;

import io.gpuledger.core.registry.Registry;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Registries that were applied, by version. */
final class AppliedRegistries {
    private final RegistryLog log;
    private final Map<Long, Registry> read = new HashMap<>();

    AppliedRegistries(Warehouse warehouse) {
        log = new RegistryLog(warehouse);
    }

    /** The version in force at an instant, 0 before the first. */
    long versionAt(long knownAtMs) {
        return log.asOf(knownAtMs).map(RegistryLog.Version::version).orElse(0L);
    }

    /** The one in force now, the empty one when there is none. */
    Registry latest() {
        return get(log.latest().map(RegistryLog.Version::version).orElse(0L));
    }

    /** Says so when the log does not have it. */
    Registry get(long version) {
        if (version == 0) {
            return Registry.EMPTY;
        }
        return read.computeIfAbsent(version, this::parse);
    }

    private Registry parse(long version) {
        Optional<RegistryLog.Version> found = log.version(version);
        if (found.isEmpty()) {
            throw new StatementException(
                    "registry version %d, which statements were made with, is not in registry_log; restore it"
                            .formatted(version));
        }
        try {
            return RegistryText.parse("registry version " + version, found.get().body());
        } catch (RegistryException e) {
            throw new StatementException(
                    "registry version %d in ClickHouse is none of this program (%s); use a newer one"
                            .formatted(version, e.problems().get(0)));
        }
    }
}
