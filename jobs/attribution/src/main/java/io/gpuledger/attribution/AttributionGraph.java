package io.gpuledger.attribution;

import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.jspecify.annotations.Nullable;

/**
 * The graph of the attribution job. It takes its ends as arguments: live, backfill and tests run
 * this one.
 */
public final class AttributionGraph {
    public static final String ROUTE_SCHEDULER_UID = "route-scheduler-records";
    public static final String ROUTE_TELEMETRY_UID = "route-telemetry-records";
    public static final String SINK_UID = "clickhouse-sink";

    private AttributionGraph() {}

    /**
     * Wires the job.
     *
     * @param scheduler job snapshots, host snapshots and heartbeats
     * @param telemetry host scrapes
     * @param registry what charges from the start
     * @param applied registries applied later; null for none
     */
    public static void assemble(
            DataStream<WireMessage> scheduler,
            DataStream<WireMessage> telemetry,
            RegistryState registry,
            @Nullable DataStream<WireMessage> applied,
            AttributionSettings settings,
            Sink<SinkRow> sink) {
        SingleOutputStreamOperator<JobInput> jobs =
                scheduler
                        .process(RecordRouter.ofScheduler(settings))
                        .uid(ROUTE_SCHEDULER_UID)
                        .name(ROUTE_SCHEDULER_UID);
        SingleOutputStreamOperator<JobInput> scrapes =
                telemetry
                        .process(RecordRouter.ofTelemetry(settings))
                        .uid(ROUTE_TELEMETRY_UID)
                        .name(ROUTE_TELEMETRY_UID);
        DataStream<HeartbeatInput> heartbeats = jobs.getSideOutput(RecordRouter.HEARTBEATS);
        DataStream<HeartbeatInput> forHosts = heartbeats;
        DataStream<SinkRow> refused = null;
        if (applied != null) {
            SingleOutputStreamOperator<HeartbeatInput> registries =
                    applied.process(new RegistryRouter(settings))
                            .uid(RegistryRouter.UID)
                            .name(RegistryRouter.UID);
            forHosts = heartbeats.union(registries);
            refused = registries.getSideOutput(RegistryRouter.ROWS);
        }
        // Telemetry holds no job, but its time goes on when the scheduler falls silent: without it
        // the last word of the scheduler would wait for the next one.
        SingleOutputStreamOperator<HostInput> held =
                jobs.union(scrapes)
                        .keyBy(JobInput::key)
                        .connect(heartbeats.broadcast(RunAssembler.KNOWN))
                        .process(new RunAssembler(settings))
                        .uid(RunAssembler.UID)
                        .name(RunAssembler.UID);
        SingleOutputStreamOperator<SinkRow> usage =
                held.union(
                                jobs.getSideOutput(RecordRouter.HOSTS),
                                scrapes.getSideOutput(RecordRouter.HOSTS))
                        .keyBy(HostInput::key)
                        .connect(forHosts.broadcast())
                        .transform(
                                HostAttributor.UID,
                                TypeInformation.of(SinkRow.class),
                                new HostOperator(new HostAttributor(settings, registry)))
                        .uid(HostAttributor.UID)
                        .name(HostAttributor.UID);
        DataStream<SinkRow> rows =
                usage.union(
                        held.getSideOutput(RunAssembler.RUN_ROWS),
                        jobs.getSideOutput(RecordRouter.ROWS),
                        scrapes.getSideOutput(RecordRouter.ROWS));
        (refused == null ? rows : rows.union(refused)).sinkTo(sink).uid(SINK_UID).name(SINK_UID);
    }
}
