package io.gpuledger.attribution;

import io.gpuledger.core.usage.SampleSeries;
import io.gpuledger.flink.AvroCursor;
import io.gpuledger.flink.WireType;
import io.gpuledger.flink.records.DcgmField;
import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.schemas.GpuSampleRecord;
import io.gpuledger.schemas.HostScrapeRecord;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one scrape of an exporter has in common with the next: which GPUs and instances it shows,
 * what they are called, which fields it has. All of that stands in every record, and for days in
 * the same bytes: where they are the same as before only the values are left to be read.
 */
final class ScrapeLayout {
    private static final int IMPOSSIBLE = -1;
    private static final long[] NO_XIDS = new long[0];

    final String cluster;
    final String host;

    /** By element of a scrape, a GPU or a MIG instance; instance -1 is the whole GPU. */
    final int[] gpuIndex;

    final int[] instance;
    final int[] slices;
    final int[] slicesPerGpu;
    final String[] uuids;
    final String[] models;
    final String[] jobs;

    /** Some element has a job label. */
    final boolean isLabelled;

    /** By field of the record: its column among the values of a sample, -1 where not kept. */
    final int[] columns;

    /** By field of the record: the first value that it cannot have, 0 for no such limit. */
    final long[] ends;

    /** The field of the record that is the XID error, -1 where there is none. */
    final int xidField;

    private final byte @Nullable [] start;
    private final byte[] fields;
    private final byte[][] elements;

    private ScrapeLayout(HostScrapeRecord record, @Nullable Segments segments) {
        cluster = record.getCluster();
        host = record.getHost();
        List<GpuSampleRecord> gpus = record.getGpus();
        int n = gpus.size();
        gpuIndex = new int[n];
        instance = new int[n];
        slices = new int[n];
        slicesPerGpu = new int[n];
        uuids = new String[n];
        models = new String[n];
        jobs = new String[n];
        boolean labelled = false;
        for (int i = 0; i < n; i++) {
            GpuSampleRecord gpu = gpus.get(i);
            boolean whole = gpu.getInstance() < 0;
            gpuIndex[i] = gpu.getGpuIndex();
            instance[i] = gpu.getInstance();
            slices[i] = whole ? 1 : WireConversion.slices(gpu.getInstanceProfile());
            slicesPerGpu[i] = whole ? 1 : WireConversion.slicesPerGpu(gpu.getModel());
            uuids[i] = gpu.getUuid();
            models[i] = gpu.getModel();
            jobs[i] = gpu.getHpcJob();
            labelled |= !jobs[i].isEmpty();
        }
        isLabelled = labelled;
        columns = WireConversion.columns(record.getFields());
        xidField = record.getFields().lastIndexOf(DcgmField.XID);
        ends = RecordLimits.ends(record.getFields());
        start = segments == null ? null : segments.start;
        fields = segments == null ? new byte[0] : segments.fields;
        elements = segments == null ? new byte[0][] : segments.elements;
    }

    /** Of a record that was checked, and the bytes it was decoded from. */
    static ScrapeLayout of(HostScrapeRecord record, byte[] encoded) {
        return new ScrapeLayout(record, Segments.of(record, encoded));
    }

    /** Of a record alone: no bytes are known to have this layout. */
    static ScrapeLayout of(HostScrapeRecord record) {
        return new ScrapeLayout(record, null);
    }

    int size() {
        return gpuIndex.length;
    }

    /** Whether other bytes can be compared with this. */
    boolean isKnownByBytes() {
        return start != null;
    }

    boolean hasBytesOf(ScrapeLayout other) {
        return start != null
                && Arrays.equals(start, other.start)
                && Arrays.equals(fields, other.fields)
                && Arrays.deepEquals(elements, other.elements);
    }

    /**
     * Reads bytes that have this layout.
     *
     * @return null where they have another one, or a value that needs a closer look
     */
    @Nullable Scrape read(byte[] encoded) {
        AvroCursor in = new AvroCursor(encoded);
        if (start == null || !in.skip(start)) {
            return null;
        }
        long at = in.readLong();
        long interval = in.readLong();
        in.skipString(); // origin
        if (!RecordLimits.isPossible(at, interval) || !in.skip(fields)) {
            return null;
        }
        long[] values = new long[size() * SampleSeries.FIELDS];
        Arrays.fill(values, SampleSeries.ABSENT);
        long[] xids = noXids();
        boolean complete = true;
        for (int i = 0; i < elements.length; i++) {
            int read = in.skip(elements[i]) ? values(in, values, xids, i) : IMPOSSIBLE;
            if (read == IMPOSSIBLE) {
                return null;
            }
            complete &= read == columns.length;
        }
        boolean whole = (elements.length == 0 || in.readLong() == 0) && in.isAtEnd();
        return whole
                ? new Scrape(this, at, WireConversion.coverMs(interval), values, xids, complete)
                : null;
    }

    /** Room for what is read of them. */
    long[] noXids() {
        return xidField < 0 ? NO_XIDS : new long[size()];
    }

    /** Gives how many there are, or that one is {@link #IMPOSSIBLE}. */
    private int values(AvroCursor in, long[] into, long[] xids, int element) {
        int at = element * SampleSeries.FIELDS;
        int read = 0;
        for (int f = 0; f < columns.length; f++) {
            long branch = in.readLong();
            if (branch == 0) {
                continue; // blank or absent
            }
            long value = in.readLong();
            if (branch != 1 || (ends[f] > 0 && (value < 0 || value >= ends[f]))) {
                return IMPOSSIBLE;
            }
            read++;
            if (columns[f] >= 0) {
                into[at + columns[f]] = value;
            } else if (f == xidField) {
                xids[element] = value;
            }
        }
        return columns.length == 0 || in.readLong() == 0 ? read : IMPOSSIBLE;
    }

    /** The bytes of a record that are the same in the next one. */
    private static final class Segments {
        /** What a record of the schema in force begins with. */
        private static final byte[] HEADER = WireType.header(HostScrapeRecord.getClassSchema());

        private final byte[] start;
        private final byte[] fields;
        private final byte[][] elements;

        private Segments(byte[] start, byte[] fields, byte[][] elements) {
            this.start = start;
            this.fields = fields;
            this.elements = elements;
        }

        /** Null for bytes that are laid out in another way than the collectors do. */
        static @Nullable Segments of(HostScrapeRecord record, byte[] encoded) {
            AvroCursor in = new AvroCursor(encoded);
            if (!in.skip(HEADER)) {
                return null;
            }
            in.skipString(); // cluster
            in.skipString(); // host
            byte[] start = in.from(0);
            in.readLong(); // time of observation
            in.readLong(); // interval
            in.skipString(); // origin
            int fieldsAt = in.at();
            if (!skipFields(in, record.getFields().size()) || !opens(in, record.getGpus().size())) {
                return null;
            }
            byte[] fields = in.from(fieldsAt);
            byte[][] elements = new byte[record.getGpus().size()][];
            for (int i = 0; i < elements.length; i++) {
                int from = in.at();
                in.readLong(); // GPU
                in.readLong(); // instance
                for (int s = 0; s < 4; s++) {
                    in.skipString();
                }
                if (!opens(in, record.getFields().size())) {
                    return null;
                }
                elements[i] = in.from(from);
                skipValues(in, record.getFields().size());
            }
            return in.isBroken() ? null : new Segments(start, fields, elements);
        }

        private static boolean skipFields(AvroCursor in, int count) {
            if (!opens(in, count)) {
                return false;
            }
            for (int i = 0; i < count; i++) {
                in.readLong();
            }
            return count == 0 || in.readLong() == 0;
        }

        /** An array in one block; an empty one is its end. */
        private static boolean opens(AvroCursor in, int count) {
            return in.readLong() == count;
        }

        private static void skipValues(AvroCursor in, int count) {
            for (int i = 0; i < count; i++) {
                if (in.readLong() != 0) {
                    in.readLong();
                }
            }
            if (count > 0) {
                in.readLong();
            }
        }
    }
}
