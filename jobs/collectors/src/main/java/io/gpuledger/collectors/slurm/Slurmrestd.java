package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputFormat;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Slurm over HTTP: what slurmrestd says of the controller ({@code GET /slurm/vX/...}) and of
 * accounting ({@code GET /slurmdb/vX/jobs}, all incarnations). The newest version that the server
 * offers is asked.
 */
public final class Slurmrestd {
    /** Asked in this order where a server does not describe itself. */
    private static final List<String> VERSIONS =
            List.of(
                    "v0.0.44", "v0.0.43", "v0.0.42", "v0.0.41", "v0.0.40", "v0.0.39", "v0.0.38",
                    "v0.0.37", "v0.0.36");

    private static final Pattern JOBS_PATH =
            Pattern.compile("/slurmdb/(v(\\d{1,4})\\.(\\d{1,4})\\.(\\d{1,4}))/jobs/?");
    private static final JsonFactory JSON = new JsonFactory();
    private static final int EXCERPT = 300;

    private final Options options;
    private final HttpClient http;

    /** What the server offered when it was last asked; its description is large. */
    private List<String> known = List.of();

    /**
     * Where to ask and as whom.
     *
     * @param base the server, http or https, without the path of a version
     * @param user and {@code token}: sent as headers, null where the server asks for none
     */
    public record Options(
            URI base,
            @Nullable String user,
            Token token,
            Duration connectTimeout,
            Duration answerTimeout) {

        /** Never the token. */
        @Override
        public String toString() {
            return base + " as " + user;
        }
    }

    private record Answer(int status, Path body) {}

    public Slurmrestd(Options options) {
        this.options = options;
        // No redirect is followed: it could carry the token to another server.
        // Offered HTTP/2 slurmrestd 22.05 answers 405 and half a header.
        this.http =
                HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .connectTimeout(options.connectTimeout())
                        .build();
    }

    /** The current secret: tokens of Slurm expire. */
    public interface Token {
        @Nullable String get() throws SlurmrestdException;
    }

    /** What the controller tells. */
    public enum Subject {
        JOBS("jobs", InputFormat.SLURM_JOBS_JSON),
        NODES("nodes", InputFormat.SLURM_NODES_JSON),
        RESERVATIONS("reservations", InputFormat.SLURM_RESERVATIONS_JSON);

        private final String list;
        private final InputFormat format;

        Subject(String list, InputFormat format) {
            this.list = list;
            this.format = format;
        }
    }

    /** What the controller says now, as a file in the directory. */
    public InputFile fetch(Subject subject, Path directory) throws SlurmrestdException {
        String refused = "";
        for (String version : versions(directory)) {
            Path file = directory.resolve("slurm-" + subject.list + ".json");
            Answer answer = get("/slurm/%s/%s".formatted(version, subject.list), file);
            String problem = problem(answer, subject.list);
            if (problem.isEmpty()) {
                return new InputFile(file, subject.format);
            }
            refused = version + ": " + problem;
        }
        known = List.of(); // it may be another server than before
        throw new SlurmrestdException(
                "slurmrestd at %s gave no %s (%s)"
                        .formatted(options.base(), subject.list, refused));
    }

    /**
     * The jobs of a span as a file in the directory, whose name tells when they were asked for.
     *
     * @param nowMs the time of observation
     */
    public InputFile fetch(Instant from, Instant to, long nowMs, Path directory)
            throws SlurmrestdException {
        String refused = "";
        for (String version : versions(directory)) {
            Path file =
                    directory.resolve(
                            Math.floorDiv(nowMs, 1000L) + ".slurmdb-" + version + "-jobs.json");
            // Slurm 22.05 refuses a bare epoch ("Unable to parse time format"); uts is its prefix
            // for one. Should a version know only numbers, it is asked again.
            for (String prefix : List.of("uts", "")) {
                String path =
                        "/slurmdb/%s/jobs?start_time=%s%d&end_time=%s%d"
                                .formatted(
                                        version,
                                        prefix,
                                        from.getEpochSecond(),
                                        prefix,
                                        to.getEpochSecond());
                Answer answer = get(path, file);
                String problem = problem(answer, "jobs");
                if (problem.isEmpty()) {
                    return new InputFile(file, InputFormat.SLURM_JOBS_JSON);
                }
                refused = version + ": " + problem;
                if (answer.status() == 404) {
                    break;
                }
            }
        }
        throw new SlurmrestdException(
                "slurmrestd at %s gave no jobs (%s)".formatted(options.base(), refused));
    }

    /** The newest first. */
    private List<String> versions(Path directory) throws SlurmrestdException {
        if (known.isEmpty()) {
            known = ask(directory);
        }
        return known;
    }

    private List<String> ask(Path directory) throws SlurmrestdException {
        Answer answer = get("/openapi/v3", directory.resolve("openapi.json"));
        List<Matcher> offered = new ArrayList<>();
        if (answer.status() == 200) {
            try (InputStream in = Files.newInputStream(answer.body());
                    JsonParser parser = JSON.createParser(in)) {
                for (JsonToken t = parser.nextToken(); t != null; t = parser.nextToken()) {
                    if (t == JsonToken.FIELD_NAME) {
                        Matcher m = JOBS_PATH.matcher(parser.currentName());
                        if (m.matches()) {
                            offered.add(m);
                        }
                    }
                }
            } catch (IOException e) {
                throw new SlurmrestdException(
                        "slurmrestd at %s describes itself with broken JSON; is this its address?"
                                .formatted(options.base()),
                        e);
            }
        }
        offered.sort(
                Comparator.<Matcher>comparingInt(m -> Integer.parseInt(m.group(2)))
                        .thenComparingInt(m -> Integer.parseInt(m.group(3)))
                        .thenComparingInt(m -> Integer.parseInt(m.group(4)))
                        .reversed());
        List<String> versions = offered.stream().map(m -> m.group(1)).distinct().toList();
        return versions.isEmpty() ? VERSIONS : versions;
    }

    private Answer get(String path, Path file) throws SlurmrestdException {
        String base = options.base().toString();
        URI uri =
                URI.create(
                        (base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + path);
        HttpRequest.Builder request =
                HttpRequest.newBuilder(uri)
                        .timeout(options.answerTimeout())
                        .header("Accept", "application/json");
        String token = options.token().get();
        if (token != null) {
            request.header("X-SLURM-USER-TOKEN", token);
        }
        String user = options.user();
        if (user != null) {
            request.header("X-SLURM-USER-NAME", user);
        }
        try {
            HttpResponse<Path> response =
                    http.send(
                            request.build(),
                            // Without the last, the end of a longer answer before would stay.
                            HttpResponse.BodyHandlers.ofFile(
                                    file,
                                    StandardOpenOption.CREATE,
                                    StandardOpenOption.WRITE,
                                    StandardOpenOption.TRUNCATE_EXISTING));
            int status = response.statusCode();
            if (status == 401 || status == 403) {
                throw new SlurmrestdException(
                        "slurmrestd at %s refused the token (%d); set SLURM_JWT to one of scontrol token"
                                .formatted(options.base(), status));
            }
            return new Answer(status, file);
        } catch (IOException e) {
            throw new SlurmrestdException(
                    "slurmrestd at %s does not answer (%s); start it or give another --slurmrestd URL"
                            .formatted(options.base(), e),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SlurmrestdException("interrupted while asking " + options.base(), e);
        }
    }

    /** What is wrong with an answer, empty when it can be used: an error may come with 200. */
    private static String problem(Answer answer, String list) throws SlurmrestdException {
        try {
            if (answer.status() != 200) {
                return "HTTP " + answer.status() + " " + excerpt(answer.body());
            }
            try (InputStream in = Files.newInputStream(answer.body());
                    JsonParser parser = JSON.createParser(in)) {
                return errors(parser, list);
            }
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            return "broken JSON at %s (%s)".formatted(BrokenJson.where(e), BrokenJson.what(e));
        } catch (IOException e) {
            throw new SlurmrestdException("the answer of slurmrestd cannot be read: " + e, e);
        }
    }

    private static String errors(JsonParser parser, String list) throws IOException {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            return "no JSON object";
        }
        boolean found = false;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            JsonToken value = parser.nextToken();
            found |= key.equals(list) && value == JsonToken.START_ARRAY;
            if (key.equals("errors") && value == JsonToken.START_ARRAY) {
                String said = said(parser);
                if (!said.isEmpty()) {
                    return said;
                }
            } else {
                parser.skipChildren();
            }
        }
        return found ? "" : "no list of " + list;
    }

    private static String said(JsonParser parser) throws IOException {
        StringBuilder text = new StringBuilder();
        int depth = 1;
        boolean any = false;
        while (depth > 0) {
            JsonToken t = parser.nextToken();
            if (t == null) {
                break;
            }
            any |= depth == 1 && t != JsonToken.END_ARRAY;
            depth += t.isStructStart() ? 1 : t.isStructEnd() ? -1 : 0;
            if (t == JsonToken.VALUE_STRING && text.length() < EXCERPT) {
                text.append(text.length() == 0 ? "" : ", ").append(parser.getText());
            }
        }
        return any && text.length() == 0 ? "an error without a text" : text.toString();
    }

    private static String excerpt(Path body) throws IOException {
        char[] head = new char[EXCERPT];
        try (Reader in = Files.newBufferedReader(body, StandardCharsets.ISO_8859_1)) {
            int n = Math.max(0, in.read(head));
            return new String(head, 0, n).replaceAll("\\s+", " ").strip();
        }
    }
}
