package io.gpuledger.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.sql.Warehouse;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;

/** What Slurm's jobcomp/kafka writes, read by a collector that is killed meanwhile. */
class JobcompTopicIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final String TOPIC = "slurm-jobcomp";
    private static final int JOBS = 60;

    @Test
    void every_completed_job_is_in_the_ledger_though_the_collector_is_killed() throws Exception {
        try (LiveLedger ledger = new LiveLedger("jobcomp", "")) {
            String brokers = "127.0.0.1:" + port(ledger, "kafka");
            Warehouse warehouse = warehouse(ledger);
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
                admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
            }
            Map<String, String> environment =
                    Map.of(
                            "GPU_LEDGER_COLLECT_SLURM_JOBCOMP_TOPIC",
                            TOPIC,
                            "GPU_LEDGER_KAFKA_BROKERS",
                            brokers,
                            // No Slurm is there: what the topic says must come all the same.
                            "PATH",
                            "/nonexistent");
            List<String> words = List.of("collect", "slurm", "--listen=off");
            Instant from = Instant.now().truncatedTo(ChronoUnit.HOURS).minus(2, ChronoUnit.HOURS);
            Map<String, Long> held = new TreeMap<>();
            try (KafkaProducer<String, String> producer =
                    new KafkaProducer<>(
                            Map.of("bootstrap.servers", brokers),
                            new StringSerializer(),
                            new StringSerializer())) {
                Process first = ledger.start(environment, words);
                for (int job = 1; job <= JOBS; job++) {
                    producer.send(new ProducerRecord<>(TOPIC, job(job, from, held))).get();
                    if (job == JOBS / 3) {
                        producer.send(new ProducerRecord<>(TOPIC, "{torn")).get();
                        Patience.until(
                                "the first third",
                                PATIENCE,
                                () -> said(warehouse).size() >= JOBS / 3);
                    }
                    if (job == 2 * JOBS / 3) {
                        first.destroyForcibly();
                    }
                }
                first.onExit().get();
                ledger.start(environment, words);
                Patience.until("every job: " + held, PATIENCE, () -> said(warehouse).equals(held));
            }
        }
    }

    /** A job on one GPU of a host of its own; one minute apart. */
    private static String job(int id, Instant from, Map<String, Long> held) {
        Instant start = from.plus(id, ChronoUnit.MINUTES);
        Instant end = start.plusSeconds(20 + id);
        held.put(
                "loopback/%d/%d".formatted(id, start.getEpochSecond()),
                Duration.between(start, end).toMillis());
        return """
               {"jobid": %d, "username": "u", "account": "g1", "partition": "p", "qos": "q", "job_name": "n", "state": "COMPLETED",
                "nodes": "n%d", "@submit": "%s", "@start": "%s", "@end": "%s",
                "tres_fmt_alloc_str": "cpu=1,node=1,billing=1,gres/gpu=1"}
               """
                .formatted(id, id, slurm(start), slurm(start), slurm(end));
    }

    private static String slurm(Instant at) {
        return at.toString().replace("Z", "");
    }

    /** How long each job ran, by what the ledger keeps of what was said of it. */
    static Map<String, Long> said(Warehouse warehouse) {
        Map<String, Long> said = new TreeMap<>();
        for (List<String> row :
                warehouse.query(
                        """
                        SELECT concat(cluster, '/', toString(raw_job_id), '/', toString(intDiv(start_ms, 1000))), end_ms - start_ms
                        FROM job_snapshots FINAL WHERE source = 'JOBCOMP'
                        """,
                        Map.of())) {
            said.put(row.get(0), Long.parseLong(row.get(1)));
        }
        return said;
    }

    static Warehouse warehouse(LiveLedger ledger) throws Exception {
        return new Warehouse(
                "http://127.0.0.1:" + port(ledger, "clickhouse"), "default", "", "gpu_ledger");
    }

    static int port(LiveLedger ledger, String name) throws Exception {
        for (JsonNode service : JSON.readTree(ledger.run("status", "--json").out())) {
            if (service.path("service").asText().equals(name)) {
                return service.path("port").asInt();
            }
        }
        throw new AssertionError("no " + name);
    }
}
