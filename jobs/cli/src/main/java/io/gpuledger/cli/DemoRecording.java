package io.gpuledger.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.local.SimulatedExporters;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/**
 * Eleven minutes of a real Slurm 22.05 with eleven nodes, recorded by us: polls of {@code scontrol
 * show job -d}, hook lines, the node list and the final accounting.
 */
record DemoRecording(List<Item> items, String accounting, String nodes, long beginMs, long endMs) {
    static final String CLUSTER = "fakehpc";

    private static final ObjectMapper JSON = new ObjectMapper();

    /** One thing Slurm said: the file name tells its time, as a collector would have named it. */
    record Item(long atMs, String fileName, String text) {}

    static DemoRecording load() throws IOException {
        List<Item> items = new ArrayList<>();
        for (String line : lines("polls.jsonl.gz")) {
            JsonNode poll = JSON.readTree(line);
            long second = poll.get("ts").asLong();
            items.add(new Item(second * 1000, second + ".scontrol.txt", poll.get("text").asText()));
        }
        int n = 0;
        for (String line : lines("hooks.jsonl.gz")) {
            long atMs = JSON.readTree(line).get("ts").decimalValue().movePointRight(3).longValue();
            items.add(new Item(atMs, "hook-" + n++ + ".jsonl", line + "\n"));
        }
        items.sort((a, b) -> Long.compare(a.atMs(), b.atMs()));
        return new DemoRecording(
                List.copyOf(items),
                String.join("\n", lines("sacct.psv.gz")) + "\n",
                String.join("\n", lines("nodes.txt.gz")) + "\n",
                items.get(0).atMs(),
                items.get(items.size() - 1).atMs());
    }

    /**
     * Which job ran on which GPU, from the node prologs and epilogs: what a simulated GPU shows.
     */
    List<SimulatedExporters.Load> loads() throws IOException {
        Map<String, List<Integer>> open = new HashMap<>();
        Map<String, Long> began = new HashMap<>();
        List<SimulatedExporters.Load> loads = new ArrayList<>();
        for (Item item : items) {
            if (!item.fileName().startsWith("hook-")) {
                continue;
            }
            JsonNode hook = JSON.readTree(item.text());
            JsonNode env = hook.get("env");
            String key =
                    env.path("SLURMD_NODENAME").asText() + " " + env.path("SLURM_JOB_ID").asText();
            if (hook.get("hook").asText().equals("prolog") && env.has("SLURM_JOB_GPUS")) {
                List<Integer> gpus = new ArrayList<>();
                for (String gpu : env.get("SLURM_JOB_GPUS").asText().split(",", -1)) {
                    gpus.add(Integer.parseInt(gpu));
                }
                open.put(key, gpus);
                began.put(key, item.atMs());
            } else if (hook.get("hook").asText().equals("epilog") && open.containsKey(key)) {
                List<Integer> gpus = open.remove(key);
                Long from = began.remove(key);
                for (int gpu : gpus == null ? List.<Integer>of() : gpus) {
                    loads.add(
                            new SimulatedExporters.Load(
                                    env.path("SLURMD_NODENAME").asText(),
                                    gpu,
                                    env.path("SLURM_JOB_ID").asLong(),
                                    from == null ? item.atMs() : from,
                                    item.atMs()));
                }
            }
        }
        return loads;
    }

    /** The recorded nodes; n10 has six MIG-like devices, n11 two cards in four shards each. */
    static Map<String, Integer> gpusByHost() {
        Map<String, Integer> gpus = new HashMap<>();
        for (int i = 1; i <= 9; i++) {
            gpus.put("n" + i, 8);
        }
        gpus.put("n10", 6);
        gpus.put("n11", 2);
        return gpus;
    }

    private static List<String> lines(String name) throws IOException {
        try (InputStream in = DemoRecording.class.getResourceAsStream("/demo/" + name)) {
            if (in == null) {
                throw new IllegalStateException("demo/" + name + " is not packaged");
            }
            try (BufferedReader reader =
                    new BufferedReader(
                            new InputStreamReader(
                                    new GZIPInputStream(in), StandardCharsets.UTF_8))) {
                return reader.lines().toList();
            }
        }
    }
}
