package io.gpuledger.benchmarks.queries;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.UsageRow;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class YearScheduleTest {
    private static final YearPlan PLAN = new YearPlan(3, 160, 20, 1, 7);
    private static final long HOUR_MS = 3_600_000;

    @Test
    void nobody_holds_what_another_has_and_a_job_holds_what_it_asked_for() {
        YearSchedule schedule = new YearSchedule(PLAN);
        Map<Long, Integer> held = new HashMap<>();
        for (YearSchedule.Track track : schedule.tracks()) {
            long free = YearPlan.START_MS;
            for (YearSchedule.Hold hold : track.holds()) {
                assertThat(hold.job().startMs()).isGreaterThanOrEqualTo(free);
                assertThat(hold.job().endMs()).isLessThan(hold.overheadUntilMs());
                free = hold.overheadUntilMs();
                held.merge(hold.job().id(), 1, Integer::sum);
            }
        }
        assertThat(schedule.jobs()).hasSizeGreaterThan(500);
        for (YearJob job : schedule.jobs()) {
            assertThat(held.get(job.id())).as(job.toString()).isEqualTo(job.gpus());
        }
        assertThat(schedule.jobs()).extracting(YearJob::gpus).contains(1, 2, 4, 8, 16, 32, 64);
    }

    @Test
    void hours_close_and_hold_what_the_schedule_says_and_the_seed_decides_all() {
        List<UsageRow> rows = rows();
        assertThat(rows).isEqualTo(rows());
        assertThat(rows).allMatch(row -> row.existsMs() == HOUR_MS);
        long expected = 0;
        for (YearSchedule.Track track : new YearSchedule(PLAN).tracks()) {
            for (YearSchedule.Hold hold : track.holds()) {
                expected += track.instance() < 0 ? held(hold) : 0;
            }
        }
        long found =
                rows.stream()
                        .flatMap(row -> row.holders().stream())
                        .filter(h -> h.bucket() == Bucket.ALLOCATED && h.instance() < 0)
                        .mapToLong(UsageRow.Holder::gpuMs)
                        .sum();
        assertThat(found).isEqualTo(expected).isPositive();
    }

    private static long held(YearSchedule.Hold hold) {
        return Math.min(hold.job().endMs(), PLAN.endMs()) - hold.job().startMs();
    }

    private static List<UsageRow> rows() {
        YearSchedule schedule = new YearSchedule(PLAN);
        Map<String, List<YearSchedule.Track>> slots = new TreeMap<>();
        for (YearSchedule.Track track : schedule.tracks()) {
            slots.computeIfAbsent(track.host() + "/" + track.gpu(), s -> new ArrayList<>())
                    .add(track);
        }
        List<UsageRow> rows = new ArrayList<>();
        for (List<YearSchedule.Track> slot : slots.values()) {
            SlotYear year =
                    new SlotYear(PLAN, slot, schedule.outages(slot.get(0).host()), (int) HOUR_MS);
            for (long at = YearPlan.START_MS; at < PLAN.endMs(); at += HOUR_MS) {
                rows.add(year.row(at, at + HOUR_MS));
            }
        }
        return rows;
    }
}
