package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.file.KnownRecords;
import io.gpuledger.core.InputLimits;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Turns sample lines into scrapes: lines of one host and instant that follow each other are one.
 */
public final class DcgmText {
    /** Series whose labels are remembered; a cluster has some ten thousand. */
    private static final int LABELS_LIMIT = 1 << 16;

    /** Longer labels are parsed each time: what is remembered must stay small. */
    private static final int LABELS_LENGTH = 2048;

    private record Key(int gpu, int instance, String uuid) {}

    private static final class Gpu {
        private String model = "";
        private String profile = "";
        private String job = "";
        private final Map<DcgmField, Long> values = new EnumMap<>(DcgmField.class);

        /**
         * A label may be on some rows of a GPU only; the greater text, so that order is nothing.
         */
        private void learn(DcgmLabels l) {
            model = l.model().compareTo(model) > 0 ? l.model() : model;
            profile = l.profile().compareTo(profile) > 0 ? l.profile() : profile;
            job = l.job().compareTo(job) > 0 ? l.job() : job;
        }
    }

    private final String cluster;
    private final int intervalMs;
    private final String origin;
    private final @Nullable Long instantMs;
    private final String fallbackHost;
    private final InputTally tally;
    private final KnownRecords knownRecords;
    private final Consumer<HostScrapeRecord> out;
    private final Map<String, DcgmLabels> known = new HashMap<>();
    private final Map<Key, Gpu> gpus = new LinkedHashMap<>();
    private String host = "";
    private long at;
    private long linesKept;
    private long undated;

    DcgmText(
            String cluster,
            int intervalMs,
            String origin,
            @Nullable Long instantMs,
            String fallbackHost,
            InputTally tally,
            KnownRecords knownRecords,
            Consumer<HostScrapeRecord> out) {
        this.cluster = cluster;
        this.intervalMs = intervalMs;
        this.origin = origin;
        this.instantMs = instantMs;
        this.fallbackHost = fallbackHost;
        this.tally = tally;
        this.knownRecords = knownRecords;
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
        DcgmText t =
                new DcgmText(
                        cluster,
                        intervalMs,
                        origin,
                        instantMs,
                        host,
                        tally,
                        new KnownRecords(),
                        out::add);
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
                notePresence(l);
                return;
            }
            l.checkEnd();
            add(l, field);
        } catch (BadRecordException e) {
            tally.deadLetter(e.reason(), e.detail(), number, line);
        }
    }

    /** A field that is not kept still proves that the card is there. */
    private void notePresence(DcgmLine l) {
        try {
            if (DcgmField.isDcgm(l.metric()) && !l.isBlank()) {
                DcgmLabels labels = labels(l.labels());
                Long time = time(l);
                String on = host(labels);
                if (time != null && !on.isEmpty()) {
                    gpu(labels, on, time);
                }
            }
        } catch (BadRecordException e) {
            // Rows of links, switches and processors have no GPU: nothing is lost with them.
            tally.droppedField();
        }
    }

    /** Samples that had no time and got none. */
    long undated() {
        return undated;
    }

    private void add(DcgmLine l, DcgmField field) throws BadRecordException {
        Long value = l.stored(field);
        if (value == null) {
            tally.ignored("blank");
            return;
        }
        DcgmLabels labels = labels(l.labels());
        Long time = time(l);
        String on = host(labels);
        if (time == null) {
            undated++;
            throw new BadRecordException(
                    "BAD_TIME", "sample without a timestamp; give the file's time of observation");
        }
        if (on.isEmpty()) {
            throw new BadRecordException(
                    "UNREADABLE", "sample without a Hostname or instance label");
        }
        Gpu gpu = gpu(labels, on, time);
        Long before = gpu.values.put(field, value);
        if (before == null) {
            linesKept++;
            return;
        }
        tally.duplicate();
        if (before > value) {
            gpu.values.put(field, before);
        }
    }

    private @Nullable Long time(DcgmLine l) throws BadRecordException {
        Long stated = l.timeMs();
        return stated == null ? instantMs : stated;
    }

    private String host(DcgmLabels labels) {
        return labels.host().isEmpty() ? fallbackHost : labels.host();
    }

    /** The GPU in the scrape that the line belongs to; a line of another one closes the last. */
    private Gpu gpu(DcgmLabels labels, String on, long time) {
        if (!on.equals(host) || time != at || gpus.size() >= InputLimits.SERIES) {
            flush();
            host = on;
            at = time;
        }
        Key key = new Key(labels.gpu(), labels.instance(), labels.uuid());
        Gpu gpu = gpus.computeIfAbsent(key, k -> new Gpu());
        gpu.learn(labels);
        return gpu;
    }

    private DcgmLabels labels(String text) throws BadRecordException {
        DcgmLabels labels = known.get(text);
        if (labels == null) {
            labels = DcgmLabels.parse(text);
            if (text.length() <= LABELS_LENGTH) {
                if (known.size() >= LABELS_LIMIT) {
                    known.clear();
                }
                known.put(text, labels);
            }
        }
        return labels;
    }

    /** Ends a scrape: only now it is known whether its lines say anything new. */
    void flush() {
        if (gpus.isEmpty()) {
            return;
        }
        Map<DcgmField, Integer> fields = new EnumMap<>(DcgmField.class);
        gpus.values().forEach(g -> g.values.keySet().forEach(f -> fields.put(f, f.id())));
        List<GpuSampleRecord> samples = new ArrayList<>();
        gpus.forEach((k, g) -> samples.add(sample(k, g, fields.keySet())));
        HostScrapeRecord r = new HostScrapeRecord();
        r.setCluster(cluster);
        r.setHost(host);
        r.setObservedAtMs(at);
        r.setScrapeIntervalMs(intervalMs);
        r.setOrigin(origin);
        r.setFields(new ArrayList<>(fields.values()));
        r.setGpus(samples);
        if (knownRecords.add(r, HostScrapeRecord.getEncoder())) {
            tally.used(linesKept);
            out.accept(r);
        } else {
            tally.duplicate(linesKept);
        }
        linesKept = 0;
        gpus.clear();
    }

    private static GpuSampleRecord sample(Key k, Gpu g, Iterable<DcgmField> fields) {
        GpuSampleRecord s = new GpuSampleRecord();
        s.setGpuIndex(k.gpu());
        s.setInstance(k.instance());
        s.setUuid(k.uuid());
        s.setModel(g.model);
        s.setInstanceProfile(g.profile);
        s.setHpcJob(g.job);
        List<@Nullable Long> values = new ArrayList<>();
        fields.forEach(f -> values.add(g.values.get(f)));
        s.setValues(values);
        return s;
    }
}
