package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.attribution.Deliveries.Fault;
import io.gpuledger.attribution.Deliveries.Progress;
import io.gpuledger.core.usage.HourSum;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.testkit.Inputs;
import io.gpuledger.testkit.Scenario;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * An hour row is the sum of its minute rows: when its last window is settled, at every moment after
 * that, and never before.
 */
class LiveHoursTest {
    private static final long HOUR_MS = 3_600_000;
    private static final long OUT_OF_ORDER_MS = 30_001;

    private final AttributionSettings settings = AttributionSettings.live(1);
    private final Map<String, UsageRow> minutes = new HashMap<>();
    private final Map<String, UsageRow> hours = new HashMap<>();
    private int read;
    private int compared;

    @ParameterizedTest
    @EnumSource(names = {"IN_ORDER", "ALL"})
    void hours_are_the_sum_of_their_minutes_at_any_moment_after_they_settled(Fault fault)
            throws Exception {
        List<Scenario> scenarios = ScenarioChoice.of(5_000_000, 5_000_016);
        List<SinkRow> rows = new ArrayList<>();
        Random random = new Random(fault.name().hashCode());
        Deliveries.of(Inputs.of(scenarios), fault, 5)
                .into(
                        new LiveRun(settings, 1, 5, rows),
                        progress -> {
                            if (random.nextInt(4) == 0) {
                                progress.run().deliverAll();
                                compare(progress, rows);
                            }
                            return progress;
                        })
                .close();
        assertThat(compared).isPositive();
    }

    private void compare(Progress progress, List<SinkRow> rows) {
        for (SinkRow row : rows.subList(read, rows.size())) {
            if (row.table.startsWith("USAGE")) {
                UsageReader.Stored stored = UsageReader.read(row.row);
                boolean minute = row.table.equals(SinkTable.USAGE_MINUTE.name());
                (minute ? minutes : hours).put(stored.key(), stored.row());
            }
        }
        read = rows.size();
        Map<String, List<UsageRow>> bySlot = new TreeMap<>();
        for (UsageRow minute : minutes.values()) {
            long hour = Math.floorDiv(minute.windowStartMs(), HOUR_MS) * HOUR_MS;
            bySlot.computeIfAbsent(key(minute, hour), k -> new ArrayList<>()).add(minute);
        }
        // The step of time that is over: the next one has not been read yet.
        long watermark = progress.watermarkMs() - OUT_OF_ORDER_MS;
        bySlot.forEach(
                (key, parts) -> {
                    long hour = Math.floorDiv(parts.get(0).windowStartMs(), HOUR_MS) * HOUR_MS;
                    if (hour + HOUR_MS + settings.settleMs() >= watermark) {
                        assertThat(hours).as("before it settled").doesNotContainKey(key);
                        return;
                    }
                    compared++;
                    List<UsageRow> held =
                            parts.stream()
                                    .filter(r -> r.existsMs() != 0 || !r.holders().isEmpty())
                                    .toList();
                    UsageRow sum = held.isEmpty() ? null : HourSum.of(hour, held).get(0);
                    UsageRow row = hours.get(key);
                    if (sum == null) {
                        assertThat(row == null || row.holders().isEmpty()).as(key).isTrue();
                    } else {
                        assertThat(row).as(key).isEqualTo(sum);
                    }
                });
    }

    private static String key(UsageRow minute, long hour) {
        return "%s/%s/%d/%s/%d"
                .formatted(
                        minute.cluster(),
                        minute.host(),
                        minute.gpuIndex(),
                        minute.unplacedRun(),
                        hour);
    }
}
