package io.gpuledger.cli.config;

import io.gpuledger.core.text.NearWord;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** One {@code gpu-ledger.yaml}: what it says, and everything that is wrong with it. */
final class ConfigurationFile {
    private final Path file;
    private final List<String> problems;
    private final Map<String, Setting> settings = new LinkedHashMap<>();

    private ConfigurationFile(Path file, List<String> problems) {
        this.file = file;
        this.problems = problems;
    }

    /**
     * What the file says, by name of the key.
     *
     * @param problems takes a line for everything that cannot be used
     */
    static Map<String, Setting> read(Path file, List<String> problems) {
        ConfigurationFile read = new ConfigurationFile(file, problems);
        read.parse();
        return read.settings;
    }

    private void parse() {
        String text;
        try {
            text = Files.readString(file);
        } catch (CharacterCodingException e) {
            problems.add(file + ": is no UTF-8 text; save it as that");
            return;
        } catch (IOException e) {
            problems.add(
                    Files.exists(file)
                            ? "%s: cannot be read (%s); check it".formatted(file, e.getMessage())
                            : file + ": no such file; check the path");
            return;
        }
        try {
            new Compose(LoadSettings.builder().setLabel(file.toString()).build())
                    .composeString(text)
                    .ifPresent(root -> section("", root));
        } catch (MarkedYamlEngineException e) {
            problems.add(
                    "%s:%s: is no YAML (%s); mend it"
                            .formatted(
                                    file,
                                    e.getProblemMark().map(m -> m.getLine() + 1).orElse(1),
                                    e.getProblem()));
        } catch (YamlEngineException e) {
            problems.add(
                    "%s: is no YAML (%s); mend it"
                            .formatted(
                                    file,
                                    String.valueOf(e.getMessage()).lines().findFirst().orElse("")));
        }
    }

    private void section(String prefix, Node node) {
        if (node instanceof ScalarNode scalar && isNothing(scalar)) {
            return; // every key of the section is commented out
        }
        if (!(node instanceof MappingNode mapping)) {
            problems.add(
                    at(node)
                            + (prefix.isEmpty() ? "the file" : name(prefix))
                            + " holds no keys; give lines like 'key: value'");
            return;
        }
        for (NodeTuple entry : mapping.getValue()) {
            if (entry.getKeyNode() instanceof ScalarNode key) {
                entry(prefix + key.getValue(), key, entry.getValueNode());
            } else {
                problems.add(at(entry.getKeyNode()) + "a key is one word; write 'key: value'");
            }
        }
    }

    private void entry(String name, Node key, Node value) {
        Optional<Key<?>> known = Keys.named(name);
        if (known.isEmpty() && Keys.ALL.stream().anyMatch(k -> k.name().startsWith(name + "."))) {
            section(name + ".", value);
        } else if (known.isEmpty()) {
            problems.add(at(key) + "unknown key '" + name + "'" + suggestion(name));
        } else if (value instanceof ScalarNode scalar) {
            String text = isNothing(scalar) ? "" : scalar.getValue();
            set(known.get(), new Setting(text, place(key), at(key) + name));
        } else {
            problems.add(at(value) + name + " takes one value, not a list or section");
        }
    }

    private void set(Key<?> key, Setting setting) {
        Setting before = settings.putIfAbsent(key.name(), setting);
        if (before != null) {
            problems.add(
                    "%s is given before, at %s; leave one out"
                            .formatted(setting.subject(), before.origin()));
        } else if (isRelative(key, setting.text())) {
            problems.add(
                    "%s %s is no whole path; begin it with / or ~/"
                            .formatted(setting.subject(), setting.text()));
        } else {
            key.check(setting, problems);
        }
    }

    /** A path in a file must not depend on where the program is started. */
    private static boolean isRelative(Key<?> key, String text) {
        return key.type().unit().equals("path") && !text.isEmpty() && !text.matches("(?:/|~/).*");
    }

    private static boolean isNothing(ScalarNode scalar) {
        boolean plain = scalar.isPlain();
        return plain && (scalar.getValue().isEmpty() || scalar.getValue().equals("null"));
    }

    private static String suggestion(String name) {
        String nearest = "";
        int least = NearWord.ANOTHER;
        for (Key<?> key : Keys.ALL) {
            int mistakes =
                    Math.min(
                            NearWord.mistakes(name, key.name()),
                            NearWord.mistakes(name, lastWord(key)));
            if (mistakes < least) {
                least = mistakes;
                nearest = key.name();
            }
        }
        return nearest.isEmpty()
                ? "; gpu-ledger config template shows all"
                : "; did you mean '" + nearest + "'?";
    }

    private static String lastWord(Key<?> key) {
        return key.name().substring(key.name().lastIndexOf('.') + 1);
    }

    private static String name(String prefix) {
        return prefix.substring(0, prefix.length() - 1);
    }

    private String place(Node node) {
        return file + ":" + node.getStartMark().map(Mark::getLine).map(l -> l + 1).orElse(1);
    }

    private String at(Node node) {
        return place(node) + ": ";
    }
}
