package io.gpuledger.collectors.dcgm;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Exporters named in a file: one a line, or Prometheus' {@code file_sd_config} where the name ends
 * in {@code .json}, {@code .yml} or {@code .yaml} (JSON is YAML). Of its labels the ones that say
 * where to scrape count: {@code __scheme__} and {@code __metrics_path__}.
 */
public final class TargetFile implements TargetList {
    private static final long LARGEST = 16L << 20;

    private final Path file;

    public TargetFile(Path file) {
        this.file = file;
    }

    @Override
    public String name() {
        return file.toString();
    }

    @Override
    public List<URI> read() throws TargetException {
        String text = text();
        String name = String.valueOf(file.getFileName());
        boolean discovery = name.matches(".*\\.(json|ya?ml)");
        return discovery ? discovered(text) : lines(text);
    }

    private String text() throws TargetException {
        try {
            if (Files.size(file) > LARGEST) {
                throw new TargetException(
                        "%s is larger than %d bytes; check the file".formatted(file, LARGEST));
            }
            return Files.readString(file);
        } catch (IOException e) {
            throw new TargetException(
                    "%s cannot be read (%s); check the path and its rights"
                            .formatted(file, e.getClass().getSimpleName()),
                    e);
        }
    }

    private List<URI> lines(String text) throws TargetException {
        List<URI> found = new ArrayList<>();
        int number = 0;
        for (String line : text.split("\n", -1)) {
            number++;
            String target = line.strip();
            if (!target.isEmpty() && !target.startsWith("#")) {
                try {
                    found.add(TargetAddress.parse(target));
                } catch (TargetException e) {
                    throw new TargetException(
                            "%s:%d: %s".formatted(file, number, e.getMessage()), e);
                }
            }
        }
        return found;
    }

    private List<URI> discovered(String content) throws TargetException {
        Object root;
        try {
            root =
                    new Load(LoadSettings.builder().setLabel(name()).build())
                            .loadFromString(content);
        } catch (YamlEngineException e) {
            String what = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            throw new TargetException("%s is broken: %s".formatted(file, what), e);
        }
        if (!(root instanceof List<?> groups)) {
            throw new TargetException(
                    "%s holds no list of target groups; write it as Prometheus' file_sd has it"
                            .formatted(file));
        }
        List<URI> found = new ArrayList<>();
        int number = 0;
        for (Object group : groups) {
            number++;
            if (!(group instanceof Map<?, ?> map)
                    || !(map.get("targets") instanceof List<?> names)) {
                throw new TargetException(
                        "%s: group %d has no list 'targets'; write it as Prometheus' file_sd has it"
                                .formatted(file, number));
            }
            Map<?, ?> labels = map.get("labels") instanceof Map<?, ?> given ? given : Map.of();
            String scheme = label(labels.get("__scheme__"), "http");
            String path = label(labels.get("__metrics_path__"), "/metrics");
            for (Object target : names) {
                if (!(target instanceof String written)) {
                    throw new TargetException(
                            "%s: group %d: '%s' is no text; give a target like node1:9400"
                                    .formatted(file, number, target));
                }
                try {
                    found.add(TargetAddress.parse(written, scheme, path));
                } catch (TargetException e) {
                    throw new TargetException(
                            "%s: group %d: %s".formatted(file, number, e.getMessage()), e);
                }
            }
        }
        return found;
    }

    private static String label(@Nullable Object value, String otherwise) {
        return value == null ? otherwise : value.toString();
    }
}
