package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.SimulatedExporters;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * Every process is killed again and again while a real Slurm works: afterwards the ledger has what
 * was held. {@code -Dgpuledger.chaos=10} does it for ten minutes, {@code -Dgpuledger.seed} again in
 * the same order.
 */
class ChaosIT {
    private static final Duration PATIENCE = Duration.ofMinutes(4);
    private static final int NODES = 4;
    private static final List<String> OURS = List.of("clickhouse", "kafka", "attribution", "quota");

    private final SplittableRandom dice;
    private final Map<String, List<String>> commands = new LinkedHashMap<>();
    private final Map<String, Process> running = new LinkedHashMap<>();
    private final Map<String, Integer> kills = new TreeMap<>();

    ChaosIT() {
        long seed = Long.getLong("gpuledger.seed", System.nanoTime());
        System.out.println("chaos with -Dgpuledger.seed=" + seed);
        dice = new SplittableRandom(seed);
    }

    @Test
    void whatever_is_killed_the_ledger_has_what_was_held() throws Exception {
        int minutes = Integer.getInteger("gpuledger.chaos", 0);
        assumeTrue(minutes > 0, "-Dgpuledger.chaos=10 kills processes for ten minutes");
        Optional<String> whyNot = SlurmCluster.whyNot();
        assumeTrue(whyNot.isEmpty(), () -> whyNot.orElse(""));
        // Whoever outlives Kafka and ClickHouse must find them again.
        String ports =
                "local:\n  clickhouse_port: %d\n  kafka_port: %d\n"
                        .formatted(freePort(), freePort());
        try (SlurmCluster slurm = SlurmCluster.start(NODES, LiveLedger.ACCOUNTS, "");
                SimulatedExporters exporters =
                        new SimulatedExporters(
                                Map.of("n1", 8, "n2", 8, "n3", 8, "n4", 8),
                                List.of(),
                                Clock.systemUTC());
                LiveLedger ledger = new LiveLedger("chaos", ports)) {
            ledger.apply("first", "");
            Instant from = Instant.now().truncatedTo(ChronoUnit.MINUTES);
            commands.put("collect slurm", LiveLedger.collect(slurm));
            List<String> dcgm = new ArrayList<>(List.of("collect", "dcgm", "--interval=5"));
            dcgm.add("--listen=off");
            exporters.urls().forEach(url -> dcgm.add("--target=" + url));
            commands.put("collect dcgm", dcgm);
            commands.put("enforce slurm", List.of("enforce", "slurm"));
            for (Map.Entry<String, List<String>> command : commands.entrySet()) {
                running.put(command.getKey(), ledger.start(slurm, Map.of(), command.getValue()));
            }
            Instant end = Instant.now().plus(Duration.ofMinutes(minutes));
            while (Instant.now().isBefore(end)) {
                work(slurm);
                kill(slurm, ledger);
                after(Duration.ofMillis(dice.nextInt(1_000, 12_000)));
            }
            System.out.println("killed: " + kills);
            quiet(slurm, ledger);
            Instant to = Instant.now().truncatedTo(ChronoUnit.MINUTES).plus(1, ChronoUnit.MINUTES);
            Map<String, Long> held =
                    LiveLedger.held(
                            LiveLedger.ended(slurm, "JobIDRaw,Account,Start,End,AllocTRES"), 0);
            assertThat(held).hasSizeGreaterThan(minutes);
            System.out.printf("%d runs held %d GPU-s%n", held.size(), total(held) / 1000);
            try {
                Patience.until(
                        "the ledger has what was held",
                        PATIENCE,
                        () -> ledger.held(from, to).equals(held));
            } catch (AssertionError e) {
                assertThat(ledger.held(from, to)).isEqualTo(held);
                throw e;
            }
        }
    }

    private static long total(Map<String, Long> held) {
        return held.values().stream().mapToLong(ms -> ms).sum();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static void after(Duration pause) {
        long then = System.nanoTime() + pause.toNanos();
        Patience.until("later", pause.multipliedBy(10), () -> System.nanoTime() > then);
    }

    /** Jobs of every length; some are suspended, requeued or cancelled while they run. */
    private void work(SlurmCluster slurm) {
        String account = List.of("g1", "g2", "g3").get(dice.nextInt(3));
        String user = SlurmCluster.userOf(account, LiveLedger.ACCOUNTS);
        // While the controller is being restarted sbatch waits, or is refused: both may be.
        SlurmCluster.Answer job =
                slurm.trySubmit(
                        user,
                        "-A",
                        account,
                        "-t",
                        "6",
                        "--gres=gpu:" + dice.nextInt(1, 5),
                        "--wrap",
                        "sleep " + dice.nextInt(2, 40));
        List<String> live =
                slurm.say("squeue", "-h", "-t", "RUNNING", "-o", "%A %M %l %t")
                        .text()
                        .lines()
                        .filter(line -> line.matches("\\d+ .*"))
                        .toList();
        if (job.exit() != 0 || live.isEmpty()) {
            return;
        }
        String id = live.get(dice.nextInt(live.size())).replaceAll(" .*", "");
        switch (dice.nextInt(6)) {
            case 0 -> {
                // Never cancelled while suspended: accounting would not say who held the cards.
                slurm.say("scontrol", "suspend", id);
                after(Duration.ofSeconds(2));
                slurm.say("scontrol", "resume", id);
            }
            case 1 -> slurm.say("scancel", id);
            default -> {}
        }
    }

    private void kill(SlurmCluster slurm, LiveLedger ledger) throws IOException {
        List<String> victims = new ArrayList<>(OURS);
        victims.addAll(commands.keySet());
        victims.addAll(List.of("slurmctld", "slurmdbd"));
        String victim = victims.get(dice.nextInt(victims.size()));
        Duration away = Duration.ofMillis(dice.nextInt(5_000));
        kills.merge(victim, 1, Integer::sum);
        Process process = running.remove(victim);
        if (process != null) {
            process.destroyForcibly();
            after(away);
            running.put(
                    victim,
                    ledger.start(slurm, Map.of(), commands.getOrDefault(victim, List.of())));
        } else if (OURS.contains(victim)) {
            JsonNode services = new ObjectMapper().readTree(ledger.run("status", "--json").out());
            for (JsonNode service : services) {
                if (service.path("service").asText().equals(victim)) {
                    ProcessHandle.of(service.path("pid").asLong())
                            .ifPresent(ProcessHandle::destroyForcibly);
                }
            }
            after(away);
            ledger.up();
        } else {
            // Not by kill -9: what slurmctld has not yet saved nobody could ever tell.
            slurm.stop(victim);
            after(away);
            if (victim.equals("slurmctld")) {
                slurm.startController();
            } else {
                slurm.startAccounting();
            }
        }
    }

    /** Everything is up, and nothing runs any more. */
    private void quiet(SlurmCluster slurm, LiveLedger ledger) throws IOException {
        ledger.up();
        for (Map.Entry<String, List<String>> command : commands.entrySet()) {
            Process process = running.get(command.getKey());
            if (process == null || !process.isAlive()) {
                System.out.println(command.getKey() + " had ended by itself");
                running.put(command.getKey(), ledger.start(slurm, Map.of(), command.getValue()));
            }
        }
        slurm.say("scontrol", "reconfigure");
        slurm.say("scancel", "--state=PENDING");
        slurm.until(
                "nothing is left to run",
                () -> slurm.ok("squeue", "-h", "-t", "RUNNING,PENDING,SUSPENDED").isBlank(),
                PATIENCE);
    }
}
