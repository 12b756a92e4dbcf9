package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.Instants;
import io.gpuledger.core.InputLimits;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.InventoryGpuRecord;
import io.gpuledger.schemas.MigInstanceRecord;
import java.io.IOException;
import java.io.InputStream;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What no scheduler tells of a host, written by its operator: which MIG instance an ordinal of
 * Slurm means, how many slices a card has, and which card is which index. Each entry holds from its
 * time until the next one for the same host.
 */
final class HostConfigurationReader implements FormatReader {
    private static final String KEY = "host_configuration";
    private static final int TEXT_LIMIT = 255;
    private static final Set<String> KEYS =
            Set.of("host", "from", "slices_per_gpu", "instances", "gpus");

    /** A wrong map of cards would be a wrong bill, so one bad entry refuses the file. */
    @Override
    public void read(InputStream in, Pass pass) throws IOException, InputException {
        List<String> errors = new ArrayList<>();
        boolean complete =
                JsonAnswer.read(
                        in,
                        pass,
                        List.of(KEY),
                        (entry, position) -> {
                            try {
                                entry(entry, position, pass);
                            } catch (BadRecordException e) {
                                errors.add("entry " + position + ": " + e.detail());
                                throw e;
                            }
                        });
        if (!complete) {
            throw new InputException(
                    pass.path(), "has no list " + KEY + "; give {\"" + KEY + "\": [...]}");
        }
        if (!errors.isEmpty()) {
            throw new InputException(
                    pass.path(), String.join("; ", errors.subList(0, Math.min(20, errors.size()))));
        }
    }

    private static void entry(JsonNode n, int position, Pass pass) throws BadRecordException {
        checkKeys(n);
        List<String> names = HostList.expand(n.path("host").asText(""));
        if (names.isEmpty()) {
            throw bad("names no host; give host as a Slurm host list");
        }
        long from = from(n.path("from").asText(""));
        int slices = slices(n);
        List<MigInstanceRecord> instances = instances(n.path("instances"), slices);
        List<InventoryGpuRecord> gpus = gpus(n.path("gpus"));
        if (instances.isEmpty() && gpus.isEmpty()) {
            throw bad("has neither instances nor gpus; give one of them");
        }
        List<HostSnapshotRecord> hosts = new ArrayList<>();
        for (String name : names) {
            HostSnapshotRecord h = pass.host(name, "host-configuration", position);
            h.setObservedAtMs(from);
            h.setSlicesPerGpu(slices);
            h.setInstances(instances);
            h.setGpus(gpus);
            hosts.add(h);
        }
        pass.useAll(hosts);
    }

    /** A misspelt key would be a wrong bill. */
    private static void checkKeys(JsonNode n) throws BadRecordException {
        if (!n.isObject()) {
            throw bad("'%s' is no entry; give an object with host and from".formatted(n));
        }
        for (var names = n.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!KEYS.contains(name)) {
                throw bad(
                        "unknown key '%s'; known are %s"
                                .formatted(name, KEYS.stream().sorted().toList()));
            }
        }
    }

    private static long from(String text) throws BadRecordException {
        try {
            OffsetDateTime from = OffsetDateTime.parse(text);
            if (Math.abs((long) from.getYear()) < 10_000) {
                return Instants.checked(from.toInstant().toEpochMilli(), text);
            }
        } catch (DateTimeException e) {
            throw new BadRecordException(
                    "BAD_CONFIGURATION",
                    "from '" + text + "' is no time with zone; give one like 2026-11-23T12:00:00Z",
                    e);
        }
        throw bad("from '%s' is out of bounds".formatted(text));
    }

    private static int slices(JsonNode n) throws BadRecordException {
        if (!n.has("slices_per_gpu")) {
            if (!n.path("instances").isEmpty()) {
                throw bad("instances without slices_per_gpu; an H100 has 7, an A30 has 4");
            }
            return 0;
        }
        return bounded(n, "slices_per_gpu", 1, InputLimits.SLICES);
    }

    private static List<MigInstanceRecord> instances(JsonNode list, int slicesPerGpu)
            throws BadRecordException {
        List<MigInstanceRecord> out = new ArrayList<>();
        Set<Integer> ordinals = new HashSet<>();
        Set<Long> ids = new HashSet<>();
        Map<Integer, Integer> taken = new HashMap<>();
        for (JsonNode n : list) {
            MigInstanceRecord i = new MigInstanceRecord();
            i.setOrdinal(bounded(n, "ordinal", 0, InputLimits.GPUS - 1));
            i.setGpuIndex(bounded(n, "gpu_index", 0, InputLimits.GPUS - 1));
            i.setInstance(bounded(n, "instance", 0, InputLimits.GPUS - 1));
            i.setSlices(bounded(n, "slices", 1, InputLimits.SLICES));
            if (!ordinals.add(i.getOrdinal())) {
                throw bad("ordinal %d is there twice".formatted(i.getOrdinal()));
            }
            if (!ids.add((long) i.getGpuIndex() * InputLimits.GPUS + i.getInstance())) {
                throw bad(
                        "instance %d of GPU %d is there twice"
                                .formatted(i.getInstance(), i.getGpuIndex()));
            }
            int sum = taken.merge(i.getGpuIndex(), i.getSlices(), Integer::sum);
            if (sum > slicesPerGpu) {
                throw bad(
                        "instances of GPU %d have %d slices, the card has %d"
                                .formatted(i.getGpuIndex(), sum, slicesPerGpu));
            }
            out.add(i);
        }
        return out;
    }

    private static List<InventoryGpuRecord> gpus(JsonNode list) throws BadRecordException {
        List<InventoryGpuRecord> out = new ArrayList<>();
        Set<Integer> indices = new HashSet<>();
        Set<String> uuids = new HashSet<>();
        for (JsonNode n : list) {
            InventoryGpuRecord g = new InventoryGpuRecord();
            g.setGpuIndex(bounded(n, "gpu_index", 0, InputLimits.GPUS - 1));
            g.setUuid(shortText(n, "uuid"));
            g.setModel(shortText(n, "model"));
            if (!indices.add(g.getGpuIndex())) {
                throw bad("gpu_index %d is there twice".formatted(g.getGpuIndex()));
            }
            if (g.getUuid().isEmpty() || !uuids.add(g.getUuid())) {
                throw bad("uuid '%s' is missing or there twice".formatted(g.getUuid()));
            }
            out.add(g);
        }
        return out;
    }

    private static String shortText(JsonNode n, String key) throws BadRecordException {
        String text = n.path(key).asText("");
        if (text.length() > TEXT_LIMIT) {
            throw bad("%s is longer than %d characters".formatted(key, TEXT_LIMIT));
        }
        return text;
    }

    private static int bounded(JsonNode n, String key, int low, int high)
            throws BadRecordException {
        Long v = n.path(key).isIntegralNumber() ? JsonValues.number(n.path(key)) : null;
        if (v == null || v < low || v > high) {
            throw bad(
                    "%s is '%s'; give a whole number from %d to %d"
                            .formatted(key, n.path(key).asText("missing"), low, high));
        }
        return v.intValue();
    }

    private static BadRecordException bad(String detail) {
        return new BadRecordException("BAD_CONFIGURATION", detail);
    }
}
