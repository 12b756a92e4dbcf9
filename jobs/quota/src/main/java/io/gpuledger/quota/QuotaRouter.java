package io.gpuledger.quota;

import io.gpuledger.flink.KafkaWireSource;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.flink.WireType;
import io.gpuledger.flink.records.RecordDecoder;
import io.gpuledger.flink.records.RecordLimits;
import io.gpuledger.flink.records.RefusedRecordException;
import io.gpuledger.flink.records.SnapshotConversion;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.IOException;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.metrics.Counter;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/**
 * Decodes what the scheduler's collectors write. A record that cannot be used is counted here and
 * nothing more: the attribution job reads the same topics by the same rules and writes the dead
 * letter, and one record has one.
 */
public final class QuotaRouter extends ProcessFunction<WireMessage, JobFact> {
    public static final String UID = "route-scheduler-records"; // its name in every savepoint
    public static final OutputTag<ClusterNews> NEWS =
            new OutputTag<>("cluster-news", TypeInformation.of(ClusterNews.class));

    private static final long serialVersionUID = 1L;

    private final QuotaSettings settings;

    private transient RecordLimits limits;
    private transient RecordDecoder<JobSnapshotRecord> jobs;
    private transient RecordDecoder<HostSnapshotRecord> hosts;
    private transient RecordDecoder<SchedulerHeartbeatRecord> heartbeats;
    private transient Counter read;
    private transient Counter used;
    private transient Counter ignored;
    private transient Counter deadLettered;

    public QuotaRouter(QuotaSettings settings) {
        this.settings = settings;
    }

    @Override
    public void open(OpenContext context) {
        limits = new RecordLimits(false);
        jobs =
                new RecordDecoder<>(
                        WireType.JOB_SNAPSHOT,
                        JobSnapshotRecord.class,
                        JobSnapshotRecord.getClassSchema());
        hosts =
                new RecordDecoder<>(
                        WireType.HOST_SNAPSHOT,
                        HostSnapshotRecord.class,
                        HostSnapshotRecord.getClassSchema());
        heartbeats =
                new RecordDecoder<>(
                        WireType.SCHEDULER_HEARTBEAT,
                        SchedulerHeartbeatRecord.class,
                        SchedulerHeartbeatRecord.getClassSchema());
        read = getRuntimeContext().getMetricGroup().counter("recordsRead");
        used = getRuntimeContext().getMetricGroup().counter("recordsUsed");
        ignored = getRuntimeContext().getMetricGroup().counter("recordsIgnored");
        deadLettered = getRuntimeContext().getMetricGroup().counter("recordsDeadLettered");
    }

    @Override
    public void processElement(WireMessage message, Context context, Collector<JobFact> out)
            throws Exception {
        read.inc();
        WireType type = WireType.of(message.value);
        if (type == null) {
            deadLettered.inc();
            return;
        }
        if (type == WireType.HOST_SCRAPE) {
            ignored.inc(); // the attribution job uses it here too
            return;
        }
        long observedAt = WireType.observedAtMs(message.value);
        if (KafkaWireSource.isFuture(observedAt, message, settings.futureMs())) {
            deadLettered.inc();
            return;
        }
        try {
            route(type, message, context, out);
        } catch (RefusedRecordException e) {
            deadLettered.inc();
        }
    }

    private void route(WireType type, WireMessage message, Context context, Collector<JobFact> out)
            throws IOException, RefusedRecordException {
        byte[] value = message.value;
        switch (type) {
            case HOST_SCRAPE -> throw new IllegalArgumentException("scrapes were refused before");
            case JOB_SNAPSHOT -> {
                JobSnapshotRecord job = jobs.decode(value);
                limits.check(job);
                out.collect(fact(job, message));
            }
            case SCHEDULER_HEARTBEAT -> {
                SchedulerHeartbeatRecord heartbeat = heartbeats.decode(value);
                limits.check(heartbeat);
                // Bounded accounting tells that all runs are known; it lets none hold on.
                if (heartbeat.getKind() == HeartbeatKind.BOUNDED_ACCOUNTING) {
                    ignored.inc();
                } else {
                    used.inc();
                    context.output(NEWS, heard(heartbeat));
                }
            }
            case HOST_SNAPSHOT -> {
                HostSnapshotRecord host = hosts.decode(value);
                limits.check(host);
                if (saysNothingOfCards(host)) {
                    ignored.inc();
                } else {
                    used.inc();
                    context.output(NEWS, cards(host));
                }
            }
        }
    }

    private static JobFact fact(JobSnapshotRecord record, WireMessage message) throws IOException {
        JobFact fact = new JobFact();
        fact.cluster = record.getCluster();
        fact.rawJobId = record.getRawJobId();
        fact.firstObservedMs = record.getObservedAtMs();
        fact.lastObservedMs = record.getObservedAtMs();
        Long end = record.getEndMs();
        fact.latestMs =
                end == null ? record.getObservedAtMs() : Math.min(end, record.getObservedAtMs());
        fact.arrivedAtMs = message.timestampMs;
        fact.snapshot = SnapshotConversion.content(record);
        fact.contentKey = SnapshotConversion.digest(fact.snapshot);
        return fact;
    }

    private static ClusterNews heard(SchedulerHeartbeatRecord record) {
        ClusterNews news = new ClusterNews();
        news.kind = ClusterNews.HEARD;
        news.cluster = record.getCluster();
        news.observedAtMs = record.getObservedAtMs();
        news.completePoll = record.getKind() == HeartbeatKind.COMPLETE_POLL;
        return news;
    }

    private static boolean saysNothingOfCards(HostSnapshotRecord host) {
        return host.getPresent()
                && host.getGres().isEmpty()
                && !SnapshotConversion.configures(host);
    }

    /** A node's state and reservations change all the time and decide no charge. */
    private static ClusterNews cards(HostSnapshotRecord host) throws IOException {
        ClusterNews news = new ClusterNews();
        news.kind = ClusterNews.HOST;
        news.cluster = host.getCluster();
        news.host = host.getHost();
        news.observedAtMs = host.getObservedAtMs();
        news.snapshot =
                SnapshotConversion.content(
                        HostSnapshotRecord.newBuilder(host)
                                .setSource("")
                                .setStates(List.of())
                                .setReservations(List.of())
                                .build());
        return news;
    }
}
