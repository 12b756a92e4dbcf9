package io.gpuledger.local;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * DCGM exporters of a cluster that does not exist: one address per host, the text that
 * dcgm-exporter gives. What a GPU shows follows from the job on it alone, so that two runs show the
 * same at the same instant.
 */
public final class SimulatedExporters implements AutoCloseable {
    private static final long IDLE_MILLIWATT = 70_000;
    private static final long FULL_MILLIWATT = 690_000;

    /** A job on a GPU; the end is exclusive. */
    public record Load(String host, int gpuIndex, long jobId, long startMs, long endMs) {}

    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(4);
    private final Clock clock;
    private final Map<String, SortedMap<Integer, List<Load>>> hosts = new TreeMap<>();

    /** Serves {@code gpusByHost} hosts on a free loopback port. */
    public SimulatedExporters(Map<String, Integer> gpusByHost, List<Load> loads, Clock clock)
            throws IOException {
        this.clock = clock;
        gpusByHost.forEach(
                (host, gpus) -> {
                    SortedMap<Integer, List<Load>> byGpu = new TreeMap<>();
                    for (int i = 0; i < gpus; i++) {
                        byGpu.put(i, new ArrayList<>());
                    }
                    hosts.put(host, byGpu);
                });
        for (Load load : loads) {
            SortedMap<Integer, List<Load>> host = hosts.get(load.host());
            List<Load> gpu = host == null ? null : host.get(load.gpuIndex());
            if (gpu != null) {
                gpu.add(load);
            }
        }
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
        server.createContext("/", this::answer);
        server.setExecutor(threads);
        server.start();
    }

    /** Addresses to scrape, one per host. */
    public List<String> urls() {
        return hosts.keySet().stream()
                .map(
                        h ->
                                "http://127.0.0.1:"
                                        + server.getAddress().getPort()
                                        + "/"
                                        + h
                                        + "/metrics")
                .toList();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String[] path = exchange.getRequestURI().getPath().split("/", -1);
            SortedMap<Integer, List<Load>> host =
                    path.length == 3 && path[2].equals("metrics") ? hosts.get(path[1]) : null;
            byte[] body =
                    host == null
                            ? "no such host\n".getBytes(StandardCharsets.UTF_8)
                            : text(path[1], host).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4");
            exchange.sendResponseHeaders(host == null ? 404 : 200, body.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        }
    }

    private String text(String host, SortedMap<Integer, List<Load>> gpus) {
        long now = clock.millis();
        StringBuilder active = new StringBuilder();
        StringBuilder power = new StringBuilder();
        StringBuilder energy = new StringBuilder();
        StringBuilder memory = new StringBuilder();
        gpus.forEach(
                (index, loads) -> {
                    UUID uuid =
                            UUID.nameUUIDFromBytes(
                                    (host + "/" + index).getBytes(StandardCharsets.UTF_8));
                    String labels =
                            "{gpu=\"%d\",UUID=\"GPU-%s\",device=\"nvidia%d\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"%s\"} "
                                    .formatted(index, uuid, index, host);
                    long percent = percentAt(loads, now);
                    active.append("DCGM_FI_PROF_GR_ENGINE_ACTIVE").append(labels);
                    active.append(String.format(Locale.ROOT, "%.2f%n", percent / 100.0));
                    power.append("DCGM_FI_DEV_POWER_USAGE").append(labels);
                    power.append(String.format(Locale.ROOT, "%.3f%n", milliwatt(percent) / 1000.0));
                    energy.append("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION").append(labels);
                    energy.append(energyMj(loads, now)).append('\n');
                    memory.append("DCGM_FI_DEV_FB_USED").append(labels);
                    memory.append(percent == 0 ? 4 : 40_000 + percent * 300).append('\n');
                });
        return "# TYPE DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge\n"
                + active
                + "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n"
                + power
                + "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n"
                + energy
                + "# TYPE DCGM_FI_DEV_FB_USED gauge\n"
                + memory;
    }

    private static long percentAt(List<Load> loads, long atMs) {
        for (Load load : loads) {
            if (load.startMs() <= atMs && atMs < load.endMs()) {
                return percentOf(load.jobId());
            }
        }
        return 0;
    }

    /** Every fifth job forgets its GPUs. */
    private static long percentOf(long jobId) {
        return jobId % 5 == 0 ? 0 : 35 + (jobId * 37) % 64;
    }

    private static long milliwatt(long percent) {
        return IDLE_MILLIWATT + (FULL_MILLIWATT - IDLE_MILLIWATT) * percent / 100;
    }

    /** The counter: idle power since the epoch of the simulation, and what each job drew on top. */
    private static long energyMj(List<Load> loads, long atMs) {
        long total = IDLE_MILLIWATT * Math.floorMod(atMs, 30L * 86_400_000L) / 1000;
        for (Load load : loads) {
            long ran = Math.min(atMs, load.endMs()) - load.startMs();
            if (ran > 0) {
                total += (milliwatt(percentOf(load.jobId())) - IDLE_MILLIWATT) * ran / 1000;
            }
        }
        return total;
    }
}
