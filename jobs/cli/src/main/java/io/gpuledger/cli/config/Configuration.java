package io.gpuledger.cli.config;

import io.gpuledger.core.text.NearWord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What every key is set to, and where: an option, else the environment, else {@code
 * gpu-ledger.yaml}, else the default. All of it is checked before anything is used.
 */
public final class Configuration {
    /** Names the file when no option does. */
    public static final String FILE_VARIABLE = "GPU_LEDGER_CONFIG";

    private static final String PREFIX = "GPU_LEDGER_";

    /** Of the launcher. */
    private static final String JAVA_OPTIONS = "GPU_LEDGER_JAVA_OPTIONS";

    private static final int MISTAKES = 2;

    private final Optional<Path> file;
    private final Map<String, Setting> settings;

    private Configuration(Optional<Path> file, Map<String, Setting> settings) {
        this.file = file;
        this.settings = settings;
    }

    /** An option that was given, and its text. */
    public record Given(Key<?> key, String option, String text) {}

    /**
     * Reads what there is.
     *
     * @param named the file that {@code --config} names, null for none
     * @param options those that were given
     * @throws ConfigurationException with everything that is wrong, a line each
     */
    public static Configuration read(
            @Nullable Path named, Map<String, String> environment, List<Given> options) {
        List<String> problems = new ArrayList<>();
        Optional<Path> file = file(named, environment);
        Map<String, Setting> settings = new HashMap<>();
        // Checked as it is read: an override must not hide a mistake in it until it is gone.
        file.ifPresent(f -> settings.putAll(ConfigurationFile.read(f, problems)));
        settings.putAll(ofEnvironment(environment, problems));
        for (Given given : options) {
            Setting setting = new Setting(given.text(), given.option(), given.option());
            if (given.text().isEmpty()) {
                problems.add(given.option() + " is empty; give a value or leave it out");
            } else {
                given.key().check(setting, problems);
            }
            settings.put(given.key().name(), setting);
        }
        refuseTwoPasswords(settings, problems);
        if (!problems.isEmpty()) {
            throw new ConfigurationException(problems);
        }
        return new Configuration(file, settings);
    }

    private static Optional<Path> file(@Nullable Path named, Map<String, String> environment) {
        if (named != null) {
            return Optional.of(named);
        }
        String variable = environment.getOrDefault(FILE_VARIABLE, "");
        if (!variable.isEmpty()) {
            return Optional.of(Path.of(variable));
        }
        String home = environment.getOrDefault("XDG_CONFIG_HOME", "");
        Path directory =
                home.isEmpty()
                        ? Path.of(System.getProperty("user.home"), ".config")
                        : Path.of(home);
        Path standard = directory.resolve("gpu-ledger").resolve("gpu-ledger.yaml");
        return Files.exists(standard) ? Optional.of(standard) : Optional.empty();
    }

    private static Map<String, Setting> ofEnvironment(
            Map<String, String> environment, List<String> problems) {
        Map<String, Key<?>> byVariable = new LinkedHashMap<>();
        Keys.ALL.forEach(key -> byVariable.put(key.environmentVariable(), key));
        Map<String, Setting> settings = new HashMap<>();
        environment.forEach(
                (variable, text) -> {
                    Key<?> key = byVariable.get(variable);
                    if (key == null) {
                        nearest(variable, byVariable)
                                .ifPresent(
                                        n ->
                                                problems.add(
                                                        "unknown variable %s; did you mean %s?"
                                                                .formatted(variable, n)));
                    } else if (!text.isEmpty()) {
                        Setting setting = new Setting(text, variable, variable);
                        key.check(setting, problems);
                        settings.put(key.name(), setting);
                    }
                });
        return settings;
    }

    /** Other programs have variables too: only what is nearly one of ours is a mistake. */
    private static Optional<String> nearest(String variable, Map<String, Key<?>> known) {
        if (!variable.startsWith(PREFIX)
                || variable.equals(FILE_VARIABLE)
                || variable.equals(JAVA_OPTIONS)) {
            return Optional.empty();
        }
        return known.keySet().stream()
                .filter(name -> NearWord.mistakes(name, variable) <= MISTAKES)
                .findFirst();
    }

    private static void refuseTwoPasswords(Map<String, Setting> settings, List<String> problems) {
        Setting password = settings.get(Keys.CLICKHOUSE_PASSWORD.name());
        Setting inFile = settings.get(Keys.CLICKHOUSE_PASSWORD_FILE.name());
        if (password != null
                && inFile != null
                && !password.text().isEmpty()
                && !inFile.text().isEmpty()) {
            problems.add(
                    "%s and %s both give a password; leave one out"
                            .formatted(password.origin(), inFile.origin()));
        }
    }

    /** The file that was read, if any. */
    public Optional<Path> file() {
        return file;
    }

    /** Whether anybody chose a value: what is empty may be the default. */
    public boolean isSet(Key<?> key) {
        return settings.containsKey(key.name());
    }

    /** What a key is set to. */
    public <T> T get(Key<T> key) {
        try {
            return key.read(text(key));
        } catch (BadValueException e) {
            throw new IllegalStateException(key.name() + " was checked and " + e.getMessage(), e);
        }
    }

    /**
     * What an option says, else what its key is set to.
     *
     * @param given the option's text, null when it was not given
     * @throws ConfigurationException when the text is no value of the key
     */
    public <T> T get(Key<T> key, String option, @Nullable String given) {
        if (given == null) {
            return get(key);
        }
        if (given.isEmpty()) {
            throw new ConfigurationException(
                    List.of(option + " is empty; give a value or leave it out"));
        }
        try {
            return key.read(given);
        } catch (BadValueException e) {
            throw new ConfigurationException(
                    List.of(key.problem(new Setting(given, option, option), e)));
        }
    }

    /** The password of ClickHouse, from its file when there is one. */
    public String clickHousePassword() {
        Optional<Path> inFile = get(Keys.CLICKHOUSE_PASSWORD_FILE);
        if (inFile.isEmpty()) {
            return get(Keys.CLICKHOUSE_PASSWORD);
        }
        try {
            return Files.readString(inFile.get()).lines().findFirst().orElse("");
        } catch (IOException e) {
            throw new ConfigurationException(
                    List.of(
                            "%s %s cannot be read (%s); check it"
                                    .formatted(
                                            origin(Keys.CLICKHOUSE_PASSWORD_FILE),
                                            inFile.get(),
                                            e.getClass().getSimpleName())));
        }
    }

    /** What is written for a key, or its default; may be secret. */
    String text(Key<?> key) {
        Setting setting = settings.get(key.name());
        // An empty value is that of a key without a default.
        return setting == null ? key.standard() : setting.text();
    }

    /** As {@link #text}, for people. */
    public String shown(Key<?> key) {
        return key.shown(text(key));
    }

    /** An option, a variable, a file with its line, or {@code default}. */
    public String origin(Key<?> key) {
        Setting setting = settings.get(key.name());
        return setting == null ? "default" : Objects.requireNonNull(setting.origin());
    }
}
