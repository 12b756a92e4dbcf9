package io.gpuledger.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PresenceTest {
    @TempDir Path directory;

    @Test
    void a_sign_lasts_until_it_is_closed() throws Exception {
        long pid = ProcessHandle.current().pid();
        try (Presence one = Presence.show(directory, "run-attribution")) {
            try (Presence other = Presence.show(directory, "usage")) {
                assertThat(Presence.of(directory))
                        .containsExactlyInAnyOrder(one.sign(), other.sign());
                Presence.clear(directory, "", PresenceTest::fail);
            }
            assertThat(Presence.of(directory)).containsExactly(one.sign());
            assertThat(one.sign()).hasToString("run-attribution (process " + pid + ")");
        }
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void a_file_that_nobody_locks_is_of_somebody_who_is_gone() throws Exception {
        Path left = Files.createFile(directory.resolve("backfill-17-42.live"));
        Path of = Files.createFile(directory.resolve("other-17-42.live"));
        Files.createFile(directory.resolve("notes.live"));
        List<Presence.Sign> cleared = new ArrayList<>();

        assertThat(Presence.of(directory)).isEmpty();
        Presence.clear(directory, "backfill-", cleared::add);

        assertThat(cleared).singleElement().hasToString("backfill (process 17)");
        assertThat(cleared.get(0).companion())
                .isEqualTo(directory.toRealPath().resolve("backfill-17-42"));
        assertThat(left).doesNotExist();
        assertThat(of).exists();
    }

    @Test
    void what_cannot_be_cleared_stays_for_the_next_time() throws Exception {
        Path left = Files.createFile(directory.resolve("backfill-17-42.live"));
        assertThatThrownBy(() -> Presence.clear(directory, "", PresenceTest::fail))
                .isInstanceOf(AssertionError.class);
        assertThat(left).exists();
        Presence.clear(directory, "", sign -> {});
        assertThat(left).doesNotExist();
    }

    @Test
    void one_alone_is_shown_and_those_who_are_gone_do_not_count() throws Exception {
        Path place = directory.resolve("run/attribution");
        Files.createDirectories(place);
        Files.createFile(place.resolve("attribution-17-42.live"));
        try (Presence one = Presence.alone(place, "attribution", PresenceTest::refusal)) {
            assertThatThrownBy(() -> Presence.alone(place, "attribution", PresenceTest::refusal))
                    .hasMessage(one.sign().toString());
            assertThat(Presence.of(place)).containsExactly(one.sign());
        }
        Presence.alone(place, "attribution", PresenceTest::refusal).close();
        assertThat(Presence.of(place)).isEmpty();
    }

    private static RuntimeException refusal(Presence.Sign other) {
        return new IllegalStateException(other.toString());
    }

    private static void fail(Presence.Sign sign) {
        throw new AssertionError(sign + " is alive");
    }
}
