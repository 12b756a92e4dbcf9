package io.gpuledger.sql;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;
import java.util.function.Consumer;

/** ClickHouse over HTTP: statements, and queries with named parameters, never joined values. */
public final class Warehouse {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final String url;
    private final String user;
    private final String password;
    private final String database;
    private final Consumer<Cost> costs;

    /**
     * What one statement cost the server, by its own account.
     *
     * @param memoryBytes at most at once; 0 where the server does not say
     */
    public record Cost(long readRows, long readBytes, long memoryBytes) {}

    public Warehouse(String url, String user, String password, String database) {
        this(url, user, password, database, cost -> {});
    }

    private Warehouse(
            String url, String user, String password, String database, Consumer<Cost> costs) {
        this.url = url.endsWith("/") ? url.substring(0, url.length() - 1) : url;
        this.user = user;
        this.password = password;
        this.database = database;
        this.costs = costs;
    }

    public String url() {
        return url;
    }

    public String user() {
        return user;
    }

    /** A secret: never for a message or a log. */
    public String password() {
        return password;
    }

    public String database() {
        return database;
    }

    /** The same server, another database; the empty one is the server's default. */
    public Warehouse inDatabase(String other) {
        return new Warehouse(url, user, password, other, costs);
    }

    /** The same, and each statement's cost is told. */
    public Warehouse telling(Consumer<Cost> listener) {
        return new Warehouse(url, user, password, database, listener);
    }

    /** Runs one statement that returns nothing. */
    public void execute(String sql, Map<String, String> parameters) {
        post(sql, parameters);
    }

    /**
     * Appends rows, which are there when it returns. They are data of the format, not of the
     * statement: parameters would be too long for an address.
     *
     * @param table a name of ours, never what somebody wrote
     * @param rows values by column; columns left out get their default
     */
    public void insert(String table, List<ObjectNode> rows) {
        if (rows.isEmpty()) {
            return;
        }
        StringBuilder statement =
                new StringBuilder("INSERT INTO ")
                        .append(table)
                        .append(" SETTINGS async_insert = 0 FORMAT JSONEachRow\n");
        rows.forEach(row -> statement.append(row).append('\n'));
        post(statement.toString(), Map.of());
    }

    /** Rows as text by column name, in the order of the answer; NULL is {@code ᴺᵁᴸᴸ}. */
    public List<List<String>> query(String sql, Map<String, String> parameters) {
        String answer = post(sql + "\nFORMAT JSONCompactStrings", parameters);
        try {
            JsonNode root = JSON.readTree(answer);
            List<List<String>> rows = new ArrayList<>();
            for (JsonNode row : root.get("data")) {
                List<String> cells = new ArrayList<>();
                for (JsonNode cell : row) {
                    cells.add(cell.isNull() ? "" : cell.asText());
                }
                rows.add(cells);
            }
            return rows;
        } catch (IOException e) {
            throw new IllegalStateException(
                    "ClickHouse at %s gave no JSON: %s".formatted(url, excerpt(answer)), e);
        }
    }

    private String post(String sql, Map<String, String> parameters) {
        StringBuilder query = new StringBuilder("?wait_end_of_query=1");
        if (!database.isEmpty()) {
            query.append("&database=").append(encode(database));
        }
        parameters.forEach(
                (name, value) ->
                        query.append("&param_")
                                .append(encode(name))
                                .append('=')
                                .append(encode(escaped(value))));
        HttpRequest request =
                HttpRequest.newBuilder(URI.create(url + "/" + query))
                        .header("X-ClickHouse-User", user)
                        .header("X-ClickHouse-Key", password)
                        .POST(HttpRequest.BodyPublishers.ofString(sql))
                        .build();
        try {
            HttpResponse<String> response =
                    http.send(request, HttpResponse.BodyHandlers.ofString());
            if (!isClickHouse(response)) {
                throw new WarehouseUnreachableException(
                        "what answers at %s is no ClickHouse (HTTP %d); give its HTTP address with --clickhouse"
                                .formatted(url, response.statusCode()),
                        null);
            }
            if (response.statusCode() != 200) {
                throw new WarehouseRefusedException(
                        "ClickHouse at %s answered %d: %s"
                                .formatted(url, response.statusCode(), excerpt(response.body())));
            }
            tellCost(response);
            return response.body();
        } catch (IOException e) {
            throw new WarehouseUnreachableException(
                    "ClickHouse at %s does not answer (%s); start it or give --clickhouse URL"
                            .formatted(url, e),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new WarehouseUnreachableException("interrupted while asking " + url, e);
        }
    }

    /** The summary is complete because the server answers when it is done. */
    private void tellCost(HttpResponse<String> response) throws IOException {
        Optional<String> summary = response.headers().firstValue("X-ClickHouse-Summary");
        if (summary.isPresent()) {
            JsonNode cost = JSON.readTree(summary.get());
            costs.accept(
                    new Cost(
                            cost.path("read_rows").asLong(),
                            cost.path("read_bytes").asLong(),
                            cost.path("memory_usage").asLong()));
        }
    }

    /** It names itself in every answer, and its errors begin with their number. */
    private static boolean isClickHouse(HttpResponse<String> response) {
        return response.headers().map().keySet().stream()
                        .anyMatch(name -> name.toLowerCase(Locale.ROOT).startsWith("x-clickhouse-"))
                || response.body().startsWith("Code: ");
    }

    /** ClickHouse reads a parameter's value as it reads a field of tab-separated text. */
    private static String escaped(String value) {
        return value.replace("\\", "\\\\")
                .replace("\t", "\\t")
                .replace("\n", "\\n")
                .replace("\r", "\\r")
                .replace("\0", "\\0");
    }

    /** Texts as the value of a parameter of type {@code Array(String)}. */
    public static String array(Collection<String> texts) {
        StringJoiner array = new StringJoiner(",", "[", "]");
        for (String text : texts) {
            array.add("'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'");
        }
        return array.toString();
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static String excerpt(String text) {
        String line = text.strip().replace('\n', ' ');
        return line.length() > 500 ? line.substring(0, 500) + " ..." : line;
    }
}
