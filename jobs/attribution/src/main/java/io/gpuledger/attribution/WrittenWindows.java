package io.gpuledger.attribution;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
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

    /** Writes what differs from what was written last; tells whether anything did. */
    boolean write(
            HostState host,
            long start,
            List<UsageRow> rows,
            long recordedAtMs,
            Collector<SinkRow> out)
            throws Exception {
        WindowState last = written.get(start);
        if (last == null && rows.isEmpty()) {
            return false;
        }
        List<UsageRow> all = last == null ? rows : withEmptied(host, start, rows, last);
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (UsageRow row : all) {
            byte[] bytes = RowBinary.usage(row, 0, 0);
            content.write(bytes, 0, bytes.length);
        }
        String digest = WireConversion.digest(content.toByteArray());
        if (last != null && last.contentDigest.equals(digest)) {
            return false;
        }
        WindowState now = new WindowState();
        now.revision =
                Math.max(
                        settings.revisionFloor(),
                        Math.max(last == null ? 0 : last.revision + 1, recordedAtMs * 1000));
        now.contentDigest = digest;
        now.gpuIndex = all.stream().mapToInt(UsageRow::gpuIndex).toArray();
        now.unplacedRun = all.stream().map(UsageRow::unplacedRun).toArray(String[]::new);
        written.put(start, now);
        for (UsageRow row : all) {
            out.collect(
                    new SinkRow(table, RowBinary.usage(row, settings.inputDigest(), now.revision)));
        }
        return true;
    }

    /** Rows that were written and no longer have content are replaced by empty ones. */
    private static List<UsageRow> withEmptied(
            HostState host, long start, List<UsageRow> rows, WindowState last) {
        Set<String> present = new HashSet<>();
        rows.forEach(r -> present.add(r.gpuIndex() + "/" + r.unplacedRun()));
        List<UsageRow> all = new ArrayList<>(rows);
        for (int i = 0; i < last.gpuIndex.length; i++) {
            if (!present.contains(last.gpuIndex[i] + "/" + last.unplacedRun[i])) {
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

    /** Whatever a window holds now is written when it is next looked at; gives all windows. */
    List<Long> forgetContents() throws Exception {
        List<Long> starts = starts();
        for (long start : starts) {
            WindowState window = written.get(start);
            window.contentDigest = "";
            written.put(start, window);
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

    private List<Long> starts() throws Exception {
        List<Long> starts = new ArrayList<>();
        written.keys().forEach(starts::add);
        return starts;
    }
}
