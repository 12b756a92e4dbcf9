package io.gpuledger.collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.collectors.file.InputException;
import io.gpuledger.schemas.HostSnapshotRecord;
import java.nio.file.Path;
import java.time.Instant;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class HostConfigurationTest {
    @TempDir Path dir;

    private Collected read(String entries) throws Exception {
        return Collected.text(
                dir, "hosts.json", "{\"host_configuration\":[" + entries + "]}", "UTC");
    }

    @Test
    void an_entry_holds_for_every_host_of_its_list_from_its_time() throws Exception {
        Collected c =
                read(
                        """
                        {"host": "n[09-10]", "from": "2026-11-23T12:00:00+01:00", "slices_per_gpu": 7,
                         "instances": [{"ordinal": 0, "gpu_index": 0, "instance": 7, "slices": 3},
                                       {"ordinal": 1, "gpu_index": 0, "instance": 9, "slices": 4},
                                       {"ordinal": 2, "gpu_index": 1, "instance": 7, "slices": 7}],
                         "gpus": [{"gpu_index": 0, "uuid": "GPU-a", "model": "H100"},
                                  {"gpu_index": 1, "uuid": "GPU-b"}]}
                        """);
        assertThat(c.hosts).extracting(HostSnapshotRecord::getHost).containsExactly("n09", "n10");
        HostSnapshotRecord h = c.hosts.get(0);
        assertThat(h.getSource()).isEqualTo("host-configuration");
        assertThat(h.getObservedAtMs())
                .isEqualTo(Instant.parse("2026-11-23T11:00:00Z").toEpochMilli());
        assertThat(h.getSlicesPerGpu()).isEqualTo(7);
        assertThat(h.getInstances()).hasSize(3);
        assertThat(h.getInstances().get(1).getSlices()).isEqualTo(4);
        assertThat(h.getGpus()).hasSize(2);
        assertThat(h.getGres()).isEmpty();
        assertThat(h.getStates()).isEmpty();
        assertThat(c.heartbeats).isEmpty();
        assertThat(c.counts.get(0).used()).isEqualTo(1);
    }

    static Stream<Arguments> mistakes() {
        String head = "{\"host\":\"n1\",\"from\":\"2026-11-23T11:00:00Z\",\"slices_per_gpu\":7,";
        String one = "{\"ordinal\":0,\"gpu_index\":0,\"instance\":7,\"slices\":4}";
        return Stream.of(
                Arguments.of(head + "\"instances\":[" + one + "," + one + "]}", "ordinal 0"),
                Arguments.of(
                        head
                                + "\"instances\":["
                                + one
                                + ","
                                + one.replace(":0,\"g", ":1,\"g")
                                + "]}",
                        "instance 7 of GPU 0"),
                Arguments.of(
                        head
                                + "\"instances\":["
                                + one
                                + ",{\"ordinal\":1,\"gpu_index\":0,\"instance\":9,\"slices\":4}]}",
                        "have 8 slices, the card has 7"),
                Arguments.of(
                        head
                                + "\"instances\":["
                                + one.replace("\"slices\":4", "\"slices\":0")
                                + "]}",
                        "slices is '0'"),
                Arguments.of(
                        head
                                + "\"instances\":["
                                + one.replace("\"slices\":4", "\"slices\":\"4\"")
                                + "]}",
                        "slices is '4'"),
                Arguments.of(head + "\"gpu\":[]}", "unknown key 'gpu'"),
                Arguments.of(head + "\"gpus\":[]}", "neither instances nor gpus"),
                Arguments.of(
                        head
                                + "\"gpus\":[{\"gpu_index\":0,\"uuid\":\"a\"},"
                                + "{\"gpu_index\":1,\"uuid\":\"a\"}]}",
                        "uuid 'a'"),
                Arguments.of(
                        "{\"host\":\"n1\",\"from\":\"2026-11-23T11:00:00\",\"gpus\":[]}",
                        "no time with zone"),
                Arguments.of(
                        "{\"host\":\"n1\",\"from\":\"2026-11-23T11:00:00Z\",\"instances\":["
                                + one
                                + "]}",
                        "without slices_per_gpu"),
                Arguments.of("{\"from\":\"2026-11-23T11:00:00Z\",\"gpus\":[]}", "names no host"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void a_mistake_refuses_the_file_and_names_the_entry(String entry, String message) {
        assertThatThrownBy(() -> read(entry))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("hosts.json")
                .hasMessageContaining("entry 1")
                .hasMessageContaining(message);
    }
}
