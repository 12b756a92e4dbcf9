package io.gpuledger.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against a real Kafka. */
class RegistryTopicIT {
    @TempDir static Path directory;
    private static LocalStack stack;
    private RegistryTopic topic;

    @BeforeAll
    static void start() {
        stack =
                LocalStack.open(
                        new LocalStack.Options(
                                directory.resolve("data"), directory.resolve("cache"), 0, 0),
                        "RegistryTopicIT");
        stack.ensureUp(EnumSet.of(Service.KAFKA));
    }

    @AfterAll
    static void stop() {
        stack.close();
    }

    @BeforeEach
    void emptyTopic() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", stack.kafkaBrokers()))) {
            if (admin.listTopics().names().get().contains(RegistryTopic.NAME)) {
                admin.deleteTopics(List.of(RegistryTopic.NAME)).all().get();
            }
            while (admin.listTopics().names().get().contains(RegistryTopic.NAME)) {
                Thread.onSpinWait();
            }
        }
        topic = new RegistryTopic(stack.kafkaBrokers());
    }

    @Test
    void versions_count_up_in_recorded_order_and_the_same_again_is_none() throws Exception {
        assertThat(topic.after(0)).isEmpty();
        RegistryTopic.Applied first = topic.apply(of("a"), "anna", 1_000);
        RegistryTopic.Applied again = topic.apply(of("a"), "bo", 2_000);
        // This clock is behind the one before.
        RegistryTopic.Applied second = topic.apply(of("b"), "bo", 500);
        RegistryTopic.Applied back = topic.apply(of("a"), "anna", 9_000);

        assertThat(first.isNew()).isTrue();
        assertThat(again).isEqualTo(new RegistryTopic.Applied(first.version(), false));
        assertThat(second.version().recordedAtMs()).isEqualTo(1_001);
        assertThat(back.version().digest()).isEqualTo(first.version().digest());
        assertThat(topic.after(0))
                .containsExactly(first.version(), second.version(), back.version());
        assertThat(topic.after(0))
                .extracting(RegistryTopic.Version::version)
                .containsExactly(1L, 2L, 3L);
        assertThat(topic.after(2)).containsExactly(back.version());
        assertThat(RegistryText.parse("b", second.version().body())).isEqualTo(of("b"));
    }

    @Test
    void an_apply_that_another_one_overtakes_applies_nothing() throws Exception {
        List<RegistryTopic.Applied> between = new ArrayList<>();
        assertThatThrownBy(
                        () ->
                                topic.apply(
                                        of("slow"),
                                        "anna",
                                        1_000,
                                        () -> between.add(apply(of("fast")))))
                .isInstanceOf(RegistryConflictException.class)
                .hasMessageContaining("nothing was applied");

        assertThat(topic.after(0))
                .extracting(RegistryTopic.Version::body)
                .containsExactly(RegistryText.of(of("fast")));
        assertThat(topic.apply(of("slow"), "anna", 2_000).version().version()).isEqualTo(2);
    }

    @Test
    void of_many_at_once_those_that_succeed_have_versions_of_their_own() throws Exception {
        List<Long> applied = Collections.synchronizedList(new ArrayList<>());
        List<String> refused = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = new ArrayList<>();
        CountDownLatch start = new CountDownLatch(1);
        for (int i = 0; i < 6; i++) {
            String name = "r" + i;
            Thread thread =
                    new Thread(
                            () -> {
                                try {
                                    start.await();
                                    applied.add(
                                            new RegistryTopic(stack.kafkaBrokers())
                                                    .apply(of(name), name, 1_000)
                                                    .version()
                                                    .version());
                                } catch (RegistryConflictException e) {
                                    refused.add(name);
                                } catch (InterruptedException e) {
                                    Thread.currentThread().interrupt();
                                }
                            });
            thread.start();
            threads.add(thread);
        }
        start.countDown();
        for (Thread thread : threads) {
            thread.join();
        }

        assertThat(applied.size() + refused.size()).isEqualTo(6);
        assertThat(applied).isNotEmpty().doesNotHaveDuplicates();
        List<RegistryTopic.Version> all = topic.after(0);
        assertThat(all).hasSameSizeAs(applied);
        for (int i = 0; i < all.size(); i++) {
            assertThat(all.get(i).version()).isEqualTo(i + 1);
            assertThat(refused).doesNotContain(all.get(i).recordedBy());
        }
    }

    /** Longer than the megabyte that a broker takes uncompressed. */
    @Test
    void a_large_registry_is_one_record() throws Exception {
        List<String> clusters = new ArrayList<>();
        for (int i = 0; i < 100_000; i++) {
            clusters.add("cluster-number-" + i);
        }
        Registry large =
                new Registry(clusters, List.of(), List.of(), List.of(), List.of(), List.of());
        assertThat(RegistryText.of(large).length()).isGreaterThan(2_000_000);

        topic.apply(large, "anna", 1_000);

        assertThat(RegistryText.parse("large", topic.after(0).get(0).body())).isEqualTo(large);
    }

    private RegistryTopic.Applied apply(Registry registry) {
        try {
            return topic.apply(registry, "bo", 1_500);
        } catch (RegistryConflictException e) {
            throw new AssertionError("nobody overtakes this one", e);
        }
    }

    private static Registry of(String cluster) {
        return new Registry(
                List.of(cluster), List.of(), List.of(), List.of(), List.of(), List.of());
    }
}
