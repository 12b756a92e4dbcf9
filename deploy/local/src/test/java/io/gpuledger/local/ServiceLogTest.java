package io.gpuledger.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServiceLogTest {
    @TempDir Path directory;

    @Test
    void a_service_goes_on_writing_in_a_log_that_was_moved_aside() throws Exception {
        Path log = directory.resolve("kafka.log");
        try (OutputStream service =
                Files.newOutputStream(log, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            service.write(text("0123456789"));
            ServiceLog.rotate(log, 10);
            assertThat(log).hasContent("0123456789");

            service.write(text("x"));
            ServiceLog.rotate(log, 10);
            service.write(text("after"));

            assertThat(log).hasContent("after");
            assertThat(directory.resolve("kafka.log.1")).hasContent("0123456789x");
        }
    }

    @Test
    void there_is_one_previous_log() throws Exception {
        Path log = directory.resolve("kafka.log");
        for (String content : new String[] {"first", "second"}) {
            Files.writeString(log, content);
            ServiceLog.rotate(log, 1);
        }
        assertThat(directory.resolve("kafka.log.1")).hasContent("second");
        assertThat(directory).isDirectoryNotContaining("glob:**.2");
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
