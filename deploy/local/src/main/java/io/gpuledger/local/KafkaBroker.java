package io.gpuledger.local;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.tools.StorageTool;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;

/**
 * A single Kafka broker in KRaft mode on loopback, for one machine. Runs as a process of its own.
 *
 * <p>Arguments: data directory, broker port, controller port.
 */
public final class KafkaBroker {
    private KafkaBroker() {}

    public static void main(String[] args) throws IOException {
        if (args.length != 3) {
            throw new IllegalArgumentException(
                    "usage: KafkaBroker DATA_DIRECTORY PORT CONTROLLER_PORT");
        }
        Terminal.detach();
        ServiceLog.bound();
        Path data = Path.of(args[0]).toAbsolutePath();
        Files.createDirectories(data);
        Properties properties = properties(data, args[1], args[2]);
        format(data, properties);
        KafkaRaftServer server =
                new KafkaRaftServer(KafkaConfig.fromProps(properties, false), Time.SYSTEM);
        server.startup();
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown, "stop-kafka"));
        server.awaitShutdown();
    }

    private static Properties properties(Path data, String port, String controllerPort) {
        Properties p = new Properties();
        p.setProperty("process.roles", "broker,controller");
        p.setProperty("node.id", "1");
        p.setProperty("controller.quorum.voters", "1@127.0.0.1:" + controllerPort);
        p.setProperty(
                "listeners",
                "PLAINTEXT://127.0.0.1:" + port + ",CONTROLLER://127.0.0.1:" + controllerPort);
        p.setProperty("advertised.listeners", "PLAINTEXT://127.0.0.1:" + port);
        p.setProperty("controller.listener.names", "CONTROLLER");
        p.setProperty("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
        p.setProperty("log.dirs", data.resolve("log").toString());
        p.setProperty("auto.create.topics.enable", "false");
        p.setProperty("offsets.topic.num.partitions", "4");
        p.setProperty("offsets.topic.replication.factor", "1");
        p.setProperty("transaction.state.log.replication.factor", "1");
        p.setProperty("transaction.state.log.min.isr", "1");
        p.setProperty("transaction.state.log.num.partitions", "1");
        p.setProperty("share.coordinator.state.topic.replication.factor", "1");
        p.setProperty("share.coordinator.state.topic.min.isr", "1");
        p.setProperty("group.initial.rebalance.delay.ms", "0");
        // A recording carries its own, possibly old, times: they must not be taken for expired.
        p.setProperty("log.retention.ms", "-1");
        p.setProperty("log.message.timestamp.after.max.ms", Long.toString(Long.MAX_VALUE));
        p.setProperty("log.segment.bytes", Integer.toString(64 << 20));
        return p;
    }

    private static void format(Path data, Properties properties) throws IOException {
        if (Files.exists(data.resolve("log").resolve("meta.properties"))) {
            return;
        }
        Path configuration = data.resolve("server.properties");
        try (var out = Files.newBufferedWriter(configuration)) {
            properties.store(out, "Written by GPU Ledger at the first start");
        }
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        int status =
                StorageTool.execute(
                        new String[] {
                            "format",
                            "-t",
                            Uuid.randomUuid().toString(),
                            "-c",
                            configuration.toString()
                        },
                        out);
        if (status != 0) {
            throw new IOException("formatting " + data + " for Kafka ended with " + status);
        }
    }
}
