package io.gpuledger.registry;

import io.gpuledger.core.registry.Registry;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A site's registry as it lies in a directory. */
public final class RegistryFiles {
    private RegistryFiles() {}

    /**
     * Reads every {@code .yaml} and {@code .yml} file below a directory, or one file; what begins
     * with a dot is left alone.
     *
     * @throws RegistryException with everything that is wrong; nothing of it may be used then
     * @throws IOException when the directory cannot be listed
     */
    public static Registry read(Path directory) throws RegistryException, IOException {
        RegistryReader reader = new RegistryReader();
        List<Path> files = files(directory);
        if (files.isEmpty()) {
            reader.problem(
                    new Problem(
                            directory.toString(),
                            0,
                            Files.exists(directory) ? "holds no .yaml file" : "does not exist",
                            "check the path"));
        }
        for (Path file : files) {
            try {
                reader.read(file.toString(), Files.readString(file));
            } catch (CharacterCodingException e) {
                reader.problem(
                        new Problem(file.toString(), 0, "is no UTF-8 text", "save it as that"));
            } catch (IOException e) {
                reader.problem(
                        new Problem(
                                file.toString(),
                                0,
                                "cannot be read (%s)".formatted(e.getMessage()),
                                "check it"));
            }
        }
        return reader.registry();
    }

    private static List<Path> files(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return List.of();
        }
        if (Files.isRegularFile(directory)) {
            return List.of(directory);
        }
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile)
                    .filter(f -> f.toString().matches(".*\\.ya?ml"))
                    .filter(f -> !isHidden(directory.relativize(f)))
                    .sorted()
                    .toList();
        }
    }

    private static boolean isHidden(Path below) {
        for (Path part : below) {
            if (part.toString().startsWith(".")) {
                return true;
            }
        }
        return false;
    }
}
