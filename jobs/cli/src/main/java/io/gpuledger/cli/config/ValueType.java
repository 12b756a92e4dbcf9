package io.gpuledger.cli.config;

import java.math.BigDecimal;
import java.net.InetSocketAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How values are written.
 *
 * @param unit the unit, for people
 * @param isSecret never shown
 * @param reader from text to value
 */
public record ValueType<T>(String unit, boolean isSecret, Reader<T> reader) {
    /** From text to value. */
    interface Reader<T> {
        T read(String text) throws BadValueException;
    }

    private static final Pattern QUANTITY = Pattern.compile("(\\d{1,12})\\s*([a-z]*)");
    private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,4})?)\\s*%");
    private static final Pattern LISTEN = Pattern.compile("([^\\s/]+):(\\d{1,5})");
    private static final Map<String, Duration> UNITS = units();
    private static final int LAST_PORT = 65_535;

    private static Map<String, Duration> units() {
        Map<String, Duration> units = new LinkedHashMap<>();
        units.put("ms", Duration.ofMillis(1));
        units.put("s", Duration.ofSeconds(1));
        units.put("min", Duration.ofMinutes(1));
        units.put("h", Duration.ofHours(1));
        units.put("d", Duration.ofDays(1));
        return units;
    }

    static ValueType<String> text() {
        return new ValueType<>("name", false, text -> text);
    }

    static ValueType<String> secret() {
        return new ValueType<>("secret", true, text -> text);
    }

    /** {@code ~/} is the home directory; a relative path is one of the working directory. */
    static ValueType<Path> path() {
        return new ValueType<>("path", false, ValueType::pathOf);
    }

    static ValueType<Optional<Path>> optionalPath() {
        return new ValueType<>(
                "path",
                false,
                text -> text.isEmpty() ? Optional.empty() : Optional.of(pathOf(text)));
    }

    private static Path pathOf(String text) throws BadValueException {
        try {
            return text.startsWith("~/")
                    ? Path.of(System.getProperty("user.home"), text.substring(2))
                    : Path.of(text).toAbsolutePath();
        } catch (InvalidPathException e) {
            throw new BadValueException("is no path; check it");
        }
    }

    static ValueType<ZoneId> zone() {
        return new ValueType<>(
                "time zone",
                false,
                text -> {
                    try {
                        return ZoneId.of(text);
                    } catch (DateTimeException e) {
                        throw new BadValueException(
                                "is no time zone; give one like Europe/Copenhagen");
                    }
                });
    }

    /** A server, with the user and password kept elsewhere: they would end up in messages. */
    static ValueType<String> server() {
        return new ValueType<>(
                "URL",
                false,
                text -> {
                    if (!text.isEmpty() && !text.matches("https?://[^/?#@\\s]+/?")) {
                        throw new BadValueException(
                                "is no URL of a server; give one like http://127.0.0.1:8123, user and"
                                        + " password apart");
                    }
                    return text;
                });
    }

    static ValueType<String> brokers() {
        return new ValueType<>(
                "host:port, ...",
                false,
                text -> {
                    if (!text.isEmpty() && !text.matches("[^\\s,]+:\\d+(?:,\\s*[^\\s,]+:\\d+)*")) {
                        throw new BadValueException(
                                "is no list of brokers; give host:port, more of them with commas");
                    }
                    return text.replace(" ", "");
                });
    }

    /** Names or paths with commas between them; none is an empty list. */
    static ValueType<List<String>> list(String unit) {
        return new ValueType<>(
                unit + ", ...",
                false,
                text ->
                        Stream.of(text.split(","))
                                .map(String::strip)
                                .filter(part -> !part.isEmpty())
                                .toList());
    }

    static ValueType<Boolean> flag() {
        return new ValueType<>(
                "true or false",
                false,
                text ->
                        switch (text) {
                            case "true" -> true;
                            case "false" -> false;
                            default -> throw new BadValueException("is neither true nor false");
                        });
    }

    /** Where a server listens; port 0 is a free one, off is no server. */
    static ValueType<Optional<InetSocketAddress>> listen() {
        return new ValueType<>(
                "host:port",
                false,
                text -> {
                    if (text.equals("off")) {
                        return Optional.empty();
                    }
                    Matcher m = LISTEN.matcher(text);
                    if (!m.matches() || Integer.parseInt(m.group(2)) > LAST_PORT) {
                        throw new BadValueException(
                                "is no address to listen on; give one like 127.0.0.1:9410, or off");
                    }
                    return Optional.of(
                            new InetSocketAddress(m.group(1), Integer.parseInt(m.group(2))));
                });
    }

    /** 0 stands for any free one. */
    static ValueType<Integer> port() {
        return new ValueType<>(
                "port",
                false,
                text ->
                        number(
                                text,
                                0,
                                LAST_PORT,
                                "is no port; give 1 to 65535, or 0 for a free one"));
    }

    static ValueType<Integer> count(int atMost) {
        return new ValueType<>(
                "number",
                false,
                text -> number(text, 1, atMost, "is out of range; give 1 to " + atMost));
    }

    private static int number(String text, int least, int most, String otherwise)
            throws BadValueException {
        int value = text.matches("\\d{1,9}") ? Integer.parseInt(text) : -1;
        if (value < least || value > most) {
            throw new BadValueException(otherwise);
        }
        return value;
    }

    /** In millionths. */
    static ValueType<Long> percent() {
        return new ValueType<>(
                "percent",
                false,
                text -> {
                    Matcher m = PERCENT.matcher(text);
                    if (!m.matches() || new BigDecimal(m.group(1)).intValue() > 100) {
                        throw new BadValueException("is no percentage; give one like 1% or 0.5%");
                    }
                    return new BigDecimal(m.group(1)).movePointRight(4).longValueExact();
                });
    }

    /**
     * A number with its unit, nothing else: 2m might be minutes or months, and 30 anything.
     *
     * @param step every value is a multiple of it, written like a value; so are the bounds
     */
    static ValueType<Duration> duration(String step, String least, String most) {
        Duration stepOf = known(step);
        Duration leastOf = known(least);
        Duration mostOf = known(most);
        String whole =
                UNITS.containsValue(stepOf) && step.startsWith("1") ? step.substring(1) : step;
        return new ValueType<>(
                step.equals("1ms") ? "duration" : "duration, whole " + whole,
                false,
                text -> {
                    Duration value = duration(text);
                    if (value.compareTo(leastOf) < 0 || value.compareTo(mostOf) > 0) {
                        throw new BadValueException(
                                "is out of range; give %s to %s".formatted(least, most));
                    }
                    if (value.toMillis() % stepOf.toMillis() != 0) {
                        throw new BadValueException("is not in whole " + whole + "; round it");
                    }
                    return value;
                });
    }

    private static Duration duration(String text) throws BadValueException {
        Matcher m = QUANTITY.matcher(text);
        Duration unit = m.matches() ? UNITS.get(m.group(2)) : null;
        if (unit == null) {
            throw new BadValueException(
                    (text.matches("\\d+") ? "has no unit" : "is no duration")
                            + "; give one like 30s, units are "
                            + String.join(", ", UNITS.keySet()));
        }
        try {
            return unit.multipliedBy(Long.parseLong(m.group(1)));
        } catch (ArithmeticException e) {
            throw new BadValueException("is out of range");
        }
    }

    private static Duration known(String text) {
        try {
            return duration(text);
        } catch (BadValueException e) {
            throw new IllegalStateException(text + " " + e.getMessage(), e);
        }
    }
}
