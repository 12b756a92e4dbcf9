package io.gpuledger.registry;

import io.gpuledger.core.InputLimits;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.text.NearWord;
import io.gpuledger.core.time.Span;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/**
 * The keys of one mapping. What cannot be used is noted with its line, and reading goes on with a
 * value that raises no further complaint: all mistakes are found at once.
 */
final class YamlMap {
    private static final Pattern NUMBER = Pattern.compile("[+-]?\\d{1,18}(?:\\.\\d{1,12})?");
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
    private static final Pattern LENGTH = Pattern.compile("(\\d{1,6})(s|min|h|d)");
    private static final String DATE_REMEDY = "give a whole minute like 2026-11-01T00:00+01:00";

    private final YamlSource source;
    private final Node node;
    private final String what;
    private final Map<String, Node> values = new LinkedHashMap<>();
    private final Map<String, Node> keys = new LinkedHashMap<>();
    private final Set<String> wrong = new HashSet<>();

    /** What keys that nobody knows were meant to be: they are there, and not missing as well. */
    private final Set<String> misspelt = new HashSet<>();

    private boolean sound = true;

    private YamlMap(YamlSource source, Node node, String what) {
        this.source = source;
        this.node = node;
        this.what = what;
    }

    /**
     * Reads the keys.
     *
     * @param what the thing, for messages: 'a grant'
     * @param known all keys that it may have
     */
    static YamlMap of(YamlSource source, Node node, String what, List<String> known) {
        YamlMap map = new YamlMap(source, node, what);
        if (node instanceof MappingNode mapping) {
            for (NodeTuple entry : mapping.getValue()) {
                map.entry(entry, known);
            }
        } else {
            map.wrong.addAll(known);
            map.bad(
                    node,
                    what + " has no keys",
                    "write lines like '%s: ...'".formatted(known.get(0)));
        }
        return map;
    }

    private void entry(NodeTuple entry, List<String> known) {
        Node key = entry.getKeyNode();
        if (!(key instanceof ScalarNode scalar)) {
            bad(key, "a key of %s is no word".formatted(what), "write 'key: value'");
            return;
        }
        String name = scalar.getValue();
        Node before = keys.get(name);
        if (!known.contains(name)) {
            String remedy =
                    NearWord.of(name, known)
                            .map(w -> "did you mean '" + w + "'?")
                            .orElse("known are " + String.join(", ", known));
            NearWord.of(name, known).ifPresent(misspelt::add);
            wrong.addAll(misspelt);
            bad(key, "unknown key '%s' in %s".formatted(name, what), remedy);
        } else if (before != null) {
            wrong.add(name);
            bad(
                    key,
                    "key '%s' of %s stands twice, first in line %d"
                            .formatted(name, what, YamlSource.line(before)),
                    "leave one out");
        } else {
            keys.put(name, key);
            if (!isNothing(entry.getValueNode())) {
                values.put(name, entry.getValueNode());
            }
        }
    }

    private static boolean isNothing(Node node) {
        return node instanceof ScalarNode scalar
                && scalar.isPlain()
                && (scalar.getValue().isEmpty() || scalar.getValue().equals("null"));
    }

    /** No mistake in it so far. */
    boolean isSound() {
        return sound;
    }

    /** The keys whose values could not be read, or may have been meant otherwise. */
    Set<String> wrong() {
        return wrong;
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    YamlSource.Place place() {
        return source.place(node);
    }

    /** Where each of its keys stands. */
    Map<String, YamlSource.Place> placesOfKeys() {
        Map<String, YamlSource.Place> places = new HashMap<>();
        keys.forEach((key, at) -> places.put(key, source.place(at)));
        return places;
    }

    private void bad(Node at, String found, String remedy) {
        sound = false;
        source.problem(at, found, remedy);
    }

    /** A mistake at a key, or of the whole when the key is missing. */
    void bad(String key, String found, String remedy) {
        wrong.add(key);
        bad(values.getOrDefault(key, node), found, remedy);
    }

    private @Nullable Node required(String key) {
        Node value = values.get(key);
        if (value == null && node instanceof MappingNode) {
            wrong.add(key);
            if (!misspelt.contains(key)) {
                bad(keys.getOrDefault(key, node), "%s has no %s".formatted(what, key), "add it");
            }
        }
        return value;
    }

    private @Nullable String scalar(String key, @Nullable Node value) {
        if (value == null) {
            return null;
        }
        if (value instanceof ScalarNode scalar) {
            return scalar.getValue();
        }
        wrong.add(key);
        bad(value, "%s of %s is a list or section".formatted(key, what), "give one value");
        return null;
    }

    /** Text for people, empty when it is missing. */
    String text(String key) {
        String text = scalar(key, values.get(key));
        return text == null ? "" : printable(key, text, 4_096);
    }

    /** Text for people that must be there. */
    String requiredText(String key) {
        String text = scalar(key, required(key));
        return text == null ? "" : printable(key, text, 4_096);
    }

    /** A name that the scheduler gave, empty when it is missing: for all. */
    String name(String key) {
        String text = scalar(key, values.get(key));
        return text == null ? "" : named(key, text);
    }

    String requiredName(String key) {
        String text = scalar(key, required(key));
        return text == null ? "" : named(key, text);
    }

    private String named(String key, String text) {
        if (text.isBlank() || !text.strip().equals(text)) {
            bad(
                    key,
                    "%s '%s' is blank or begins or ends so".formatted(key, text),
                    "give a name, or leave it out for all");
        }
        return printable(key, text, InputLimits.TEXT_LENGTH);
    }

    private String printable(String key, String text, int longest) {
        if (text.length() > longest
                || text.chars().anyMatch(c -> c < ' ' && c != '\n' && c != '\t')) {
            bad(
                    key,
                    "%s of %s is longer than %d characters or has control characters"
                            .formatted(key, what, longest),
                    "shorten it");
            return "";
        }
        return text;
    }

    /** A name of ours: a grant, price list, adjustment. */
    String id(String key) {
        String text = scalar(key, values.get(key));
        return text == null ? "" : identified(key, text);
    }

    String requiredId(String key) {
        String text = scalar(key, required(key));
        return text == null ? "" : identified(key, text);
    }

    private String identified(String key, String text) {
        if (!ID.matcher(text).matches()) {
            bad(
                    key,
                    "%s '%s' is no name".formatted(key, text),
                    "use 1 to 64 letters, digits, dots, dashes, underscores");
            return "";
        }
        return text;
    }

    boolean yes(String key, boolean standard) {
        String text = scalar(key, values.get(key));
        if (text == null || text.equals("true") || text.equals("false")) {
            return text == null ? standard : text.equals("true");
        }
        bad(key, "%s '%s' is neither".formatted(key, text), "give true or false");
        return standard;
    }

    /** One of the words; the standard one when it is missing or wrong. */
    <E extends Enum<E>> E word(String key, Map<String, E> words, @Nullable E standard) {
        String text = scalar(key, standard == null ? required(key) : values.get(key));
        E first = words.values().iterator().next();
        E fallback = standard == null ? first : standard;
        if (text == null) {
            return fallback;
        }
        E word = words.get(text);
        if (word == null) {
            String remedy =
                    NearWord.of(text, words.keySet())
                            .map(w -> "did you mean '" + w + "'?")
                            .orElse("give one of " + String.join(", ", words.keySet()));
            bad(key, "%s '%s' of %s is unknown".formatted(key, text, what), remedy);
            return fallback;
        }
        return word;
    }

    static <E extends Enum<E>> Map<String, E> words(Class<E> of) {
        Map<String, E> words = new LinkedHashMap<>();
        for (E word : of.getEnumConstants()) {
            words.put(word.name().toLowerCase(Locale.ROOT), word);
        }
        return words;
    }

    /** A decimal number; null when it is missing or none. */
    @Nullable BigDecimal number(String key) {
        String text = scalar(key, values.get(key));
        return text == null ? null : number(key, text);
    }

    @Nullable BigDecimal requiredNumber(String key) {
        String text = scalar(key, required(key));
        return text == null ? null : number(key, text);
    }

    private @Nullable BigDecimal number(String key, String text) {
        if (!NUMBER.matcher(text).matches()) {
            bad(
                    key,
                    "%s '%s' is no number".formatted(key, text),
                    "give a plain decimal like 1250 or 0.5");
            return null;
        }
        return new BigDecimal(text);
    }

    /** A number in whole parts of {@code unit}; the standard one when it is missing or wrong. */
    long parts(String key, BigDecimal unit, String finest, long standard) {
        BigDecimal number = number(key);
        return number == null ? standard : parts(key, number, unit, finest, standard);
    }

    long parts(String key, BigDecimal number, BigDecimal unit, String finest, long standard) {
        try {
            return number.multiply(unit).longValueExact();
        } catch (ArithmeticException e) {
            bad(
                    key,
                    "%s %s is finer than %s or too large"
                            .formatted(key, number.toPlainString(), finest),
                    "round it");
            return standard;
        }
    }

    /** A length of time in milliseconds. */
    long lengthMs(String key, long standard) {
        String text = scalar(key, values.get(key));
        if (text == null) {
            return standard;
        }
        Matcher length = LENGTH.matcher(text);
        if (!length.matches()) {
            bad(
                    key,
                    "%s '%s' is no length of time".formatted(key, text),
                    "give one like 30min, 24h or 7d");
            return standard;
        }
        long unit =
                switch (length.group(2)) {
                    case "s" -> 1_000;
                    case "min" -> 60_000;
                    case "h" -> 3_600_000;
                    default -> 86_400_000;
                };
        return Long.parseLong(length.group(1)) * unit;
    }

    long date(String key, long standard) {
        String text = scalar(key, values.get(key));
        Long date = text == null ? null : parsed(key, text);
        return date == null ? standard : date;
    }

    long requiredDate(String key, long standard) {
        String text = scalar(key, required(key));
        Long date = text == null ? null : parsed(key, text);
        return date == null ? standard : date;
    }

    private @Nullable Long parsed(String key, String text) {
        Instant instant;
        try {
            instant = OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeException e) {
            if (isWithoutZone(text)) {
                bad(
                        key,
                        "%s %s has no zone".formatted(key, text),
                        DATE_REMEDY + ", or with Z for UTC");
            } else {
                bad(key, "%s '%s' is no date".formatted(key, text), DATE_REMEDY);
            }
            return null;
        }
        if (instant.getEpochSecond() % 60 != 0 || instant.getNano() != 0) {
            bad(key, "%s %s is no whole minute".formatted(key, text), DATE_REMEDY);
            return null;
        }
        if (!InputLimits.isInstant(instant.toEpochMilli())) {
            bad(key, "%s %s is not of this age".formatted(key, text), "check the year");
            return null;
        }
        return instant.toEpochMilli();
    }

    private static boolean isWithoutZone(String text) {
        try {
            return text.length() == 10
                    ? LocalDate.parse(text) != null
                    : LocalDateTime.parse(text) != null;
        } catch (DateTimeException e) {
            return false;
        }
    }

    /** From {@code from} to {@code to}; what is missing is open. */
    Span effective() {
        return span(date("from", Effective.OPEN_START), date("to", Span.OPEN_END));
    }

    /** Both ends must be there. */
    Span term() {
        return span(requiredDate("from", Effective.OPEN_START), requiredDate("to", Span.OPEN_END));
    }

    private Span span(long from, long to) {
        if (to <= from) {
            bad(
                    "to",
                    "%s ends %s, not after its beginning %s"
                            .formatted(what, Instant.ofEpochMilli(to), Instant.ofEpochMilli(from)),
                    "change one of the dates");
            return Effective.ALWAYS;
        }
        return new Span(from, to);
    }

    /** The elements of a list; none when it is missing. */
    List<Node> list(String key) {
        Node value = values.get(key);
        if (value == null) {
            return List.of();
        }
        if (value instanceof SequenceNode sequence) {
            return sequence.getValue();
        }
        wrong.add(key);
        bad(value, "%s of %s is no list".formatted(key, what), "begin its lines with '- '");
        return List.of();
    }

    /** Words of a list. */
    List<ScalarNode> scalars(String key) {
        List<ScalarNode> words = new ArrayList<>();
        for (Node element : list(key)) {
            if (element instanceof ScalarNode scalar) {
                words.add(scalar);
            } else {
                wrong.add(key);
                bad(element, "an element of %s is no word".formatted(key), "give names");
            }
        }
        return words;
    }

    /** A section inside this one; null when it is missing. */
    @Nullable YamlMap section(String key, String name, List<String> known) {
        Node value = values.get(key);
        return value == null ? null : of(source, value, name, known);
    }

    /** A section inside this one that must be there. */
    @Nullable YamlMap requiredSection(String key, String name, List<String> known) {
        Node value = required(key);
        return value == null ? null : of(source, value, name, known);
    }
}
