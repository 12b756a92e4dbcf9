package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.registry.RegistryTopic;
import java.util.List;
import org.junit.jupiter.api.Test;

class RegistryApplyCommandTest {
    @Test
    void what_was_just_applied_is_logged_although_the_topic_does_not_show_it_yet() {
        assertThat(RegistryApplyCommand.missing(List.of(), version(1), 0))
                .containsExactly(version(1));
        assertThat(RegistryApplyCommand.missing(List.of(version(1)), version(2), 0))
                .containsExactly(version(1), version(2));
    }

    @Test
    void nothing_is_logged_twice() {
        assertThat(RegistryApplyCommand.missing(List.of(version(1), version(2)), version(2), 0))
                .containsExactly(version(1), version(2));
        assertThat(RegistryApplyCommand.missing(List.of(), version(2), 2)).isEmpty();
        assertThat(RegistryApplyCommand.missing(List.of(version(3)), version(2), 2))
                .containsExactly(version(3));
    }

    private static RegistryTopic.Version version(long number) {
        return new RegistryTopic.Version(number, number, "", "", "");
    }
}
