package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateBackendOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointedBackendTest {
    @TempDir Path checkpoints;

    private Configuration begin(boolean goesOn) throws IOException {
        return CheckpointedBackend.in(checkpoints).begin(new Configuration(), goesOn);
    }

    @Test
    void a_new_job_writes_what_changed_and_goes_on_so() throws IOException {
        for (boolean goesOn : new boolean[] {false, true, true}) {
            Configuration flink = begin(goesOn);

            assertThat(flink.get(StateBackendOptions.STATE_BACKEND)).isEqualTo("rocksdb");
            assertThat(flink.get(CheckpointingOptions.INCREMENTAL_CHECKPOINTS)).isTrue();
        }
    }

    @Test
    void checkpoints_of_an_earlier_release_are_read_as_they_were_written() throws IOException {
        assertThat(begin(true).contains(StateBackendOptions.STATE_BACKEND)).isFalse();
        assertThat(checkpoints).isEmptyDirectory();
    }
}
