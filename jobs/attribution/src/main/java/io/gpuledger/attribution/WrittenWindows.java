package io.gpuledger.attribution;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.util.Collector;

/** The windows of one table that were written for the current host, and their revisions. */
final class WrittenWindows {
    private final MapState<Long, WindowState> written;
    private final SinkTable table;
    private final AttributionSettings settings;

    WrittenWindows(
            MapState<Long, WindowState> written, SinkTable table, AttributionSettings settings) {
        this.written = written;
        this.table = table;
        this.settings = settings;
    }

    /**
     * Writes the rows that differ from what was written last; tells whether any did.
     *
     * @param unsure a failed attempt may have written this window after its checkpoint
     */
    boolean write(
            HostState host,
            long start,
            List<UsageRow> rows,
            long recordedAtMs,
            boolean unsure,
            Collector<SinkRow> out)
            throws Exception {
        WindowState last = written.get(start);
        if (last == null && unsure) {
            last = withUnplaced(new WindowState());
        }
        if (last == null && rows.isEmpty()) {
            return false;
        }
        List<UsageRow> all = last == null ? rows : withEmptied(host, start, rows, last);
        WindowState now = new WindowState();
        now.revision =
                Math.max(
                        settings.revisionFloor(),
                        Math.max(last == null ? 0 : last.revision + 1, recordedAtMs * 1000));
        now.gpuIndex = all.stream().mapToInt(UsageRow::gpuIndex).toArray();
        now.unplacedRun = all.stream().map(UsageRow::unplacedRun).toArray(String[]::new);
        now.rowDigest = new long[all.size()];
        Map<SlotKey, Long> before = last == null ? Map.of() : digests(last);
        boolean changed = false;
        for (int i = 0; i < all.size(); i++) {
            UsageRow row = all.get(i);
            byte[] encoded = RowBinary.usage(row);
            long digest = WireConversion.digest64(encoded);
            now.rowDigest[i] = digest;
            Long known = before.get(new SlotKey(row.gpuIndex(), row.unplacedRun()));
            if (known == null || known != digest) {
                changed = true;
                RowBinary.stamp(encoded, settings.inputDigest(), now.revision);
                out.collect(new SinkRow(table, encoded));
            }
        }
        if (changed) {
            written.put(start, now);
        }
        return changed;
    }

    private record SlotKey(int gpuIndex, String unplacedRun) {}

    private static Map<SlotKey, Long> digests(WindowState window) {
        Map<SlotKey, Long> digests = new HashMap<>();
        for (int i = 0; i < window.rowDigest.length; i++) {
            digests.put(
                    new SlotKey(window.gpuIndex[i], window.unplacedRun[i]), window.rowDigest[i]);
        }
        return digests;
    }

    /** Rows that were written and no longer have content are replaced by empty ones. */
    private static List<UsageRow> withEmptied(
            HostState host, long start, List<UsageRow> rows, WindowState last) {
        Set<SlotKey> present = new HashSet<>();
        rows.forEach(r -> present.add(new SlotKey(r.gpuIndex(), r.unplacedRun())));
        List<UsageRow> all = new ArrayList<>(rows);
        for (int i = 0; i < last.gpuIndex.length; i++) {
            if (!present.contains(new SlotKey(last.gpuIndex[i], last.unplacedRun[i]))) {
                all.add(
                        new UsageRow(
                                host.cluster,
                                host.host,
                                last.gpuIndex[i],
                                last.unplacedRun[i],
                                start,
                                0,
                                "",
                                "",
                                List.of()));
            }
        }
        return all;
    }

    /**
     * With the row of devices without a position among those that were written: an attempt that
     * learned things in another order may have written one where this one never would.
     */
    private static WindowState withUnplaced(WindowState window) {
        for (int i = 0; i < window.gpuIndex.length; i++) {
            if (window.gpuIndex[i] < 0 && window.unplacedRun[i].isEmpty()) {
                return window;
            }
        }
        int added = window.gpuIndex.length;
        window.gpuIndex = Arrays.copyOf(window.gpuIndex, added + 1);
        window.unplacedRun = Arrays.copyOf(window.unplacedRun, added + 1);
        window.gpuIndex[added] = -1;
        window.unplacedRun[added] = "";
        return window;
    }

    /** Whatever a window holds now is written when it is next looked at; gives all windows. */
    List<Long> forgetContents() throws Exception {
        List<Long> starts = starts();
        for (long start : starts) {
            WindowState window = written.get(start);
            window.rowDigest = new long[0];
            written.put(start, withUnplaced(window));
        }
        return starts;
    }

    void dropBefore(long instantMs) throws Exception {
        for (long start : starts()) {
            if (start < instantMs) {
                written.remove(start);
            }
        }
    }

    void clear() {
        written.clear();
    }

    /** All windows that were written and not forgotten since. */
    List<Long> starts() throws Exception {
        List<Long> starts = new ArrayList<>();
        written.keys().forEach(starts::add);
        return starts;
    }
}
