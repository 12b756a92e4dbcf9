package io.gpuledger.testkit;

import io.gpuledger.schemas.HostScrapeRecord;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.util.ArrayList;
import java.util.List;

/** The wire records of one or more scenarios, in some order. */
public record Inputs(
        List<JobSnapshotRecord> jobs,
        List<HostSnapshotRecord> hosts,
        List<SchedulerHeartbeatRecord> heartbeats,
        List<HostScrapeRecord> scrapes) {

    /** What the sources say of the truth, in order of observation. */
    public static Inputs of(Scenario scenario) {
        return new Sources(scenario).inputs();
    }

    /** The records of several scenarios, each its own cluster. */
    public static Inputs of(List<Scenario> scenarios) {
        Inputs all =
                new Inputs(
                        new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        for (Scenario scenario : scenarios) {
            Inputs one = of(scenario);
            all.jobs.addAll(one.jobs);
            all.hosts.addAll(one.hosts);
            all.heartbeats.addAll(one.heartbeats);
            all.scrapes.addAll(one.scrapes);
        }
        return all;
    }

    /** The same records in another order. */
    public Inputs shuffled(long seed) {
        Dice dice = new Dice(seed);
        return new Inputs(
                shuffle(jobs, dice),
                shuffle(hosts, dice),
                shuffle(heartbeats, dice),
                shuffle(scrapes, dice));
    }

    /** The same records, about a third of them delivered again, later. */
    public Inputs duplicated(long seed) {
        Dice dice = new Dice(seed);
        return new Inputs(
                repeat(jobs, dice),
                repeat(hosts, dice),
                repeat(heartbeats, dice),
                repeat(scrapes, dice));
    }

    private static <T> List<T> shuffle(List<T> records, Dice dice) {
        List<T> shuffled = new ArrayList<>(records);
        dice.shuffle(shuffled);
        return shuffled;
    }

    private static <T> List<T> repeat(List<T> records, Dice dice) {
        List<T> repeated = new ArrayList<>(records);
        for (T record : records) {
            if (dice.chance(33)) {
                repeated.add(record);
            }
        }
        return repeated;
    }
}
