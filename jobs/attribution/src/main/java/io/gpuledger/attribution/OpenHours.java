package io.gpuledger.attribution;

import io.gpuledger.core.usage.HourSum;
import io.gpuledger.core.usage.UsageRow;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Hours that are not written yet, as sums of the minutes that are: so the rows of those need not be
 * kept. Only memory: an hour of which a minute changed is summed from its minutes once more.
 */
final class OpenHours {
    /** Of few hours, or memory would grow. */
    private static final int MOST = 2;

    private final TreeMap<Long, Minutes> hours = new TreeMap<>();

    /** The minutes of an hour that were added up, and which they are. */
    static final class Minutes {
        private final long startMs;
        private final HourSum sum;
        private long added;
        private boolean isWrong;

        Minutes(long startMs) {
            this.startMs = startMs;
            sum = new HourSum(startMs);
        }

        boolean has(long minuteMs) {
            return (added & bit(minuteMs)) != 0;
        }

        void add(long minuteMs, List<UsageRow> rows) {
            added |= bit(minuteMs);
            sum.add(rows);
        }

        List<UsageRow> sum() {
            return sum.rows();
        }

        private long bit(long minuteMs) {
            return 1L << ((minuteMs - startMs) / HostTimers.WINDOW_MS);
        }
    }

    /**
     * Takes in a minute.
     *
     * @param changed its rows are others than those it had before
     */
    void add(long minuteMs, List<UsageRow> rows, boolean changed) {
        Minutes hour =
                hours.computeIfAbsent(HostTimers.floor(minuteMs, HostTimers.HOUR_MS), Minutes::new);
        if (hour.has(minuteMs)) {
            hour.isWrong |= changed;
        } else {
            hour.add(minuteMs, rows);
        }
        if (hours.size() > MOST) {
            hours.pollFirstEntry();
        }
    }

    /** What is known of an hour that is written now; the minutes that it lacks are to be added. */
    Minutes close(long hourMs) {
        @Nullable Minutes hour = hours.remove(hourMs);
        return hour == null || hour.isWrong ? new Minutes(hourMs) : hour;
    }
}
