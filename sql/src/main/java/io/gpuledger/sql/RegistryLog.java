package io.gpuledger.sql;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The registries that were applied, in ClickHouse: the copy that everybody reads. */
public final class RegistryLog {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Warehouse warehouse;

    /**
     * One applied registry.
     *
     * @param body canonical text
     */
    public record Version(
            long version, long recordedAtMs, String recordedBy, String digest, String body) {}

    public RegistryLog(Warehouse warehouse) {
        this.warehouse = warehouse;
    }

    /** The highest version here, 0 for none. */
    public long newest() {
        return Long.parseLong(
                warehouse.query("SELECT max(version) FROM registry_log", Map.of()).get(0).get(0));
    }

    /** Adds a version; one that is here already stays as it is. */
    public void add(Version version) {
        ObjectNode row =
                JSON.createObjectNode()
                        .put("version", version.version())
                        .put("recorded_at", decimal(version.recordedAtMs()))
                        .put("recorded_by", version.recordedBy())
                        .put("digest", version.digest())
                        .put("body", version.body());
        warehouse.insert("registry_log", List.of(row));
    }

    private static String decimal(long ms) {
        return "%d.%03d".formatted(Math.floorDiv(ms, 1000L), Math.floorMod(ms, 1000L));
    }

    /** The one that was in force for us at a recorded time; empty before the first. */
    public Optional<Version> asOf(long recordedMs) {
        return read(
                        """
                        SELECT version, toUnixTimestamp64Milli(recorded_at), recorded_by, digest, body
                        FROM registry_log FINAL
                        WHERE recorded_at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
                        ORDER BY version DESC LIMIT 1
                        """,
                        Map.of("at", Long.toString(recordedMs)))
                .stream()
                .findFirst();
    }

    /** The one in force. */
    public Optional<Version> latest() {
        return read(
                        """
                        SELECT version, toUnixTimestamp64Milli(recorded_at), recorded_by, digest, body
                        FROM registry_log FINAL ORDER BY version DESC LIMIT 1
                        """,
                        Map.of())
                .stream()
                .findFirst();
    }

    /** One of them, empty when it is not here. */
    public Optional<Version> version(long number) {
        return read(
                        """
                        SELECT version, toUnixTimestamp64Milli(recorded_at), recorded_by, digest, body
                        FROM registry_log FINAL WHERE version = {version:UInt64}
                        """,
                        Map.of("version", Long.toString(number)))
                .stream()
                .findFirst();
    }

    /** All of them without their texts, newest first. */
    public List<Version> history() {
        return read(
                """
                SELECT version, toUnixTimestamp64Milli(recorded_at), recorded_by, digest, ''
                FROM registry_log FINAL ORDER BY version DESC
                """,
                Map.of());
    }

    private List<Version> read(String sql, Map<String, String> parameters) {
        List<Version> versions = new ArrayList<>();
        for (List<String> row : warehouse.query(sql, parameters)) {
            versions.add(
                    new Version(
                            Long.parseLong(row.get(0)),
                            Long.parseLong(row.get(1)),
                            row.get(2),
                            row.get(3),
                            row.get(4)));
        }
        return versions;
    }
}
