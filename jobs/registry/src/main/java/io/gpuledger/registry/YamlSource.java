package io.gpuledger.registry;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Node;

/** One text of YAML: its nodes, and what is wrong at which line of it. */
final class YamlSource {
    /** A registry of tens of thousands of grants. */
    private static final int GREATEST = 64 << 20;

    private final String name;
    private final List<Problem> problems;

    YamlSource(String name, List<Problem> problems) {
        this.name = name;
        this.problems = problems;
    }

    /** The root of the text; empty when it holds nothing, or is no YAML. */
    Optional<Node> compose(String text) {
        LoadSettings settings =
                LoadSettings.builder().setLabel(name).setCodePointLimit(GREATEST).build();
        try {
            return new Compose(settings).composeString(text);
        } catch (MarkedYamlEngineException e) {
            int line = e.getProblemMark().map(m -> m.getLine() + 1).orElse(1);
            problem(line, "is no YAML (%s)".formatted(e.getProblem()), "mend it");
        } catch (YamlEngineException e) {
            String first = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            problem(1, "is no YAML (%s)".formatted(first), "mend it");
        }
        return Optional.empty();
    }

    void problem(Node at, String found, String remedy) {
        problem(line(at), found, remedy);
    }

    void problem(int line, String found, String remedy) {
        problems.add(new Problem(name, line, found, remedy));
    }

    Place place(Node node) {
        return new Place(name, line(node));
    }

    static int line(Node node) {
        return node.getStartMark().map(Mark::getLine).map(l -> l + 1).orElse(1);
    }

    /** Where something stands. */
    record Place(String file, int line) {
        static final Comparator<Place> IN_ORDER =
                Comparator.comparing(Place::file).thenComparingInt(Place::line);

        @Override
        public String toString() {
            return file + ":" + line;
        }
    }
}
