package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.testkit.Inputs;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What is remembered of job snapshots is what decoding them again would give. */
class RepeatedJobsTest {
    private static final int SEEDS = 6;

    @Test
    void a_repeated_snapshot_is_what_decoding_gives() throws IOException {
        int repeated = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            RepeatedJobs jobs = new RepeatedJobs();
            List<JobSnapshotRecord> records =
                    new ArrayList<>(
                            Inputs.of(ScenarioChoice.of(9_000_000, 9_000_000 + seed)).jobs());
            if (seed % 2 == 1) {
                Collections.shuffle(records, new Random(seed));
            }
            for (JobSnapshotRecord record : records) {
                byte[] bytes = HostileRecords.bytes(JobSnapshotRecord.getEncoder().encode(record));
                JobInput decoded = WireConversion.jobInput(record);
                JobInput again = jobs.again(bytes);
                if (again == null) {
                    jobs.remember(bytes, record, decoded);
                } else {
                    repeated++;
                    assertThat(again).usingRecursiveComparison().isEqualTo(decoded);
                }
            }
        }
        assertThat(repeated).isPositive();
    }

    @Test
    void a_hook_is_an_event_and_never_repeats() throws IOException {
        HostileRecords records = new HostileRecords("c", SteadyCluster.START_MS);
        byte[] bytes = HostileRecords.bytes(records.job(j -> j.setSource(JobSource.PROLOG)));
        JobSnapshotRecord record = JobSnapshotRecord.getDecoder().decode(bytes);
        RepeatedJobs jobs = new RepeatedJobs();

        jobs.remember(bytes, record, WireConversion.jobInput(record));

        assertThat(jobs.again(bytes)).isNull();
    }

    /** A run may become too long to be true only because time goes on. */
    @Test
    void what_became_impossible_is_looked_at_again() throws IOException {
        long start = SteadyCluster.START_MS;
        RepeatedJobs jobs = new RepeatedJobs();
        HostileRecords records = new HostileRecords("c", start);
        byte[] bytes =
                HostileRecords.bytes(
                        records.job(
                                j ->
                                        j.setSource(JobSource.CONTROLLER)
                                                .setState("RUNNING")
                                                .setStartMs(start)
                                                .setEndMs(null)
                                                .setObservedAtMs(start + 1_000)));
        JobSnapshotRecord record = JobSnapshotRecord.getDecoder().decode(bytes);
        jobs.remember(bytes, record, WireConversion.jobInput(record));

        record.setObservedAtMs(start + 60_000);
        assertThat(jobs.again(encoded(record))).isNotNull();
        record.setObservedAtMs(start + 11L * 366 * 86_400_000);
        assertThat(jobs.again(encoded(record))).isNull();
        record.setObservedAtMs(start);
        assertThat(jobs.again(encoded(record))).isNull();
    }

    private static byte[] encoded(JobSnapshotRecord record) throws IOException {
        return HostileRecords.bytes(JobSnapshotRecord.getEncoder().encode(record));
    }
}
