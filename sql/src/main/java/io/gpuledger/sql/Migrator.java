package io.gpuledger.sql;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a database to the schema of this version. Forward only; every statement can run again, so
 * a run that was killed half-way is simply repeated. Views are made anew each time.
 */
public final class Migrator {
    private static final List<String> MIGRATIONS =
            List.of(
                    "V0001__usage.sql",
                    "V0002__runs_hosts_dead_letters.sql",
                    "V0003__backfills.sql",
                    "V0004__registry.sql",
                    "V0005__quota.sql",
                    "V0006__run_gpu_types.sql",
                    "V0007__enforcement.sql",
                    "V0008__statements.sql",
                    "V0009__credits.sql",
                    "V0010__job_snapshots.sql",
                    "V0011__gpu_errors.sql",
                    "V0012__usage_by_time.sql");
    private static final List<String> VIEWS =
            List.of(
                    "usage_minute_current.sql",
                    "usage_hour_current.sql",
                    "quota_state_current.sql",
                    "quota_decisions_current.sql",
                    "quota_runs_current.sql",
                    "statements_current.sql",
                    "statement_lines_current.sql");

    private static final Logger LOG = LoggerFactory.getLogger(Migrator.class);

    private static final String ONLY_IF = "-- only if:";

    private Migrator() {}

    /**
     * Applies what is missing.
     *
     * @return names of the migrations applied now, empty when there were none
     * @throws IllegalStateException when an applied migration was edited since
     */
    public static List<String> migrate(Warehouse warehouse) {
        return MigrationLock.alone(warehouse, () -> apply(warehouse));
    }

    private static List<String> apply(Warehouse warehouse) {
        warehouse
                .inDatabase("")
                .execute(
                        "CREATE DATABASE IF NOT EXISTS {name:Identifier}",
                        Map.of("name", warehouse.database()));
        warehouse.execute(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations
                (
                    name String,
                    checksum String,
                    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
                )
                ENGINE = ReplacingMergeTree(applied_at)
                ORDER BY name
                """,
                Map.of());
        Map<String, String> applied = new HashMap<>();
        for (List<String> row :
                warehouse.query("SELECT name, checksum FROM schema_migrations FINAL", Map.of())) {
            applied.put(row.get(0), row.get(1));
        }
        List<String> now = new ArrayList<>();
        for (String name : MIGRATIONS) {
            String text = read("migrations/" + name);
            String checksum = checksum(text);
            String before = applied.get(name);
            if (before != null && !before.equals(checksum)) {
                throw new IllegalStateException(
                        "migration %s was applied as %s and is now %s: restore its text and add a new migration"
                                .formatted(
                                        name, before.substring(0, 12), checksum.substring(0, 12)));
            }
            if (before == null) {
                if (!applied.isEmpty()) {
                    LOG.warn(
                            "bringing database {} to {}; where it has many rows this may take minutes",
                            warehouse.database(),
                            name);
                }
                statements(text).forEach(s -> s.execute(warehouse));
                warehouse.execute(
                        "INSERT INTO schema_migrations (name, checksum) "
                                + "VALUES ({name:String}, {checksum:String})",
                        Map.of("name", name, "checksum", checksum));
                now.add(name);
            }
        }
        for (String view : VIEWS) {
            statements(read("views/" + view)).forEach(s -> s.execute(warehouse));
        }
        return now;
    }

    /**
     * A statement of a file.
     *
     * @param onlyIf asked right before, empty for always; 0 and no row mean no
     */
    record Statement(String onlyIf, String sql) {
        void execute(Warehouse warehouse) {
            if (onlyIf.isEmpty() || isSo(warehouse.query(onlyIf, Map.of()))) {
                warehouse.execute(sql, Map.of());
            }
        }

        private static boolean isSo(List<List<String>> answer) {
            return !answer.isEmpty() && !answer.get(0).get(0).equals("0");
        }
    }

    /**
     * Statements end with a semicolon at the end of a line; comment lines are dropped. What can be
     * done once only stands after a line that says when, which holds as far as the next empty line.
     */
    static List<Statement> statements(String text) {
        List<Statement> statements = new ArrayList<>();
        StringBuilder code = new StringBuilder();
        String onlyIf = "";
        for (String line : text.split("\n", -1)) {
            if (line.startsWith(ONLY_IF)) {
                onlyIf = line.substring(ONLY_IF.length()).strip();
            } else if (line.isBlank() && code.isEmpty()) {
                onlyIf = "";
            } else if (!line.startsWith("--")) {
                code.append(line).append('\n');
                if (line.endsWith(";")) {
                    code.setLength(code.length() - 2);
                    statements.add(new Statement(onlyIf, code.toString().strip()));
                    code.setLength(0);
                }
            }
        }
        if (!code.toString().isBlank()) {
            throw new IllegalStateException(
                    "a statement does not end with a semicolon: " + code.toString().strip());
        }
        return statements;
    }

    private static String read(String resource) {
        try (InputStream in = Migrator.class.getResourceAsStream("/" + resource)) {
            if (in == null) {
                throw new IllegalStateException("resource " + resource + " is not packaged");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("reading " + resource, e);
        }
    }

    private static String checksum(String text) {
        try {
            byte[] sha =
                    MessageDigest.getInstance("SHA-256")
                            .digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(sha);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
