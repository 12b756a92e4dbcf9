package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Turns sample lines into scrapes: lines of one host and instant that follow each other are one.
 */
public final class DcgmText {
    private static final int GPU_LIMIT = 4096;

    private record Key(int gpu, int instance, String uuid) {}

    private record Gpu(String model, String profile, String job, Map<DcgmField, Long> values) {}

    private final String cluster;
    private final int intervalMs;
    private final String origin;
    private final @Nullable Long instantMs;
    private final String fallbackHost;
    private final InputTally tally;
    private final Consumer<HostScrapeRecord> out;
    private final Map<Key, Gpu> gpus = new LinkedHashMap<>();
    private String host = "";
    private long at;

    DcgmText(
            String cluster,
            int intervalMs,
            String origin,
            @Nullable Long instantMs,
            String fallbackHost,
            InputTally tally,
            Consumer<HostScrapeRecord> out) {
        this.cluster = cluster;
        this.intervalMs = intervalMs;
        this.origin = origin;
        this.instantMs = instantMs;
        this.fallbackHost = fallbackHost;
        this.tally = tally;
        this.out = out;
    }

    /** The text of one live scrape; the host is that of lines that do not name one. */
    public static List<HostScrapeRecord> parseScrape(
            String text,
            String cluster,
            int intervalMs,
            long instantMs,
            String host,
            String origin,
            InputTally tally) {
        List<HostScrapeRecord> out = new ArrayList<>();
        DcgmText t = new DcgmText(cluster, intervalMs, origin, instantMs, host, tally, out::add);
        long number = 0;
        for (String line : text.split("\n", -1)) {
            number++;
            t.line(line, number);
        }
        t.flush();
        return out;
    }

    void line(String line, long number) {
        if (line.isBlank() || line.startsWith("#")) {
            return;
        }
        try {
            DcgmLine l = DcgmLine.parse(line.strip());
            DcgmField field = DcgmField.byName(l.metric());
            if (field == null) {
                tally.ignored("other metric");
                tally.droppedField();
                return;
            }
            add(l, field);
        } catch (BadRecordException e) {
            tally.deadLetter(e.reason(), e.detail(), number, line);
        }
    }

    private void add(DcgmLine l, DcgmField field) throws BadRecordException {
        Long value = l.value() == null ? null : field.stored(l.value());
        if (value == null) {
            tally.ignored("blank");
            return;
        }
        Long time = l.timeMs() == null ? instantMs : l.timeMs();
        String on = l.host().isEmpty() ? fallbackHost : l.host();
        if (time == null) {
            throw new BadRecordException("BAD_TIME", "sample without a timestamp");
        }
        if (on.isEmpty()) {
            throw new BadRecordException("UNREADABLE", "sample without a Hostname label");
        }
        Key key =
                new Key(
                        index(l.label("gpu"), "gpu"),
                        l.label("GPU_I_ID").isEmpty() ? -1 : index(l.label("GPU_I_ID"), "GPU_I_ID"),
                        l.label("UUID"));
        if (!on.equals(host) || time != at || gpus.size() >= GPU_LIMIT) {
            flush();
            host = on;
            at = time;
        }
        Gpu gpu =
                gpus.computeIfAbsent(
                        key,
                        k ->
                                new Gpu(
                                        l.label("modelName"),
                                        l.label("GPU_I_PROFILE"),
                                        l.label("hpc_job"),
                                        new TreeMap<>()));
        if (gpu.values().containsKey(field)) {
            tally.duplicate();
        } else {
            tally.used();
        }
        gpu.values().merge(field, value, Math::max);
    }

    private static int index(String s, String label) throws BadRecordException {
        if (s.isEmpty() || s.length() > 5 || !s.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new BadRecordException(
                    "UNREADABLE", "label " + label + " '" + s + "' is no index");
        }
        return Integer.parseInt(s);
    }

    void flush() {
        if (gpus.isEmpty()) {
            return;
        }
        TreeMap<DcgmField, Integer> fields = new TreeMap<>();
        gpus.values().forEach(g -> g.values().keySet().forEach(f -> fields.put(f, f.id())));
        List<GpuSampleRecord> samples = new ArrayList<>();
        gpus.forEach(
                (k, g) -> {
                    GpuSampleRecord s = new GpuSampleRecord();
                    s.setGpuIndex(k.gpu());
                    s.setInstance(k.instance());
                    s.setUuid(k.uuid());
                    s.setModel(g.model());
                    s.setInstanceProfile(g.profile());
                    s.setHpcJob(g.job());
                    List<@Nullable Long> values = new ArrayList<>();
                    fields.keySet().forEach(f -> values.add(g.values().get(f)));
                    s.setValues(values);
                    samples.add(s);
                });
        HostScrapeRecord r = new HostScrapeRecord();
        r.setCluster(cluster);
        r.setHost(host);
        r.setObservedAtMs(at);
        r.setScrapeIntervalMs(intervalMs);
        r.setOrigin(origin);
        r.setFields(new ArrayList<>(fields.values()));
        r.setGpus(samples);
        out.accept(r);
        gpus.clear();
    }
}
