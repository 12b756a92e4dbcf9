package io.gpuledger.quota;

import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;

/** The graph of the quota job. It takes its ends as arguments: live and tests run this one. */
public final class QuotaGraph {
    public static final String SINK_UID = "clickhouse-sink";
    public static final String DECISIONS_UID = "decisions-sink";

    private QuotaGraph() {}

    /**
     * Wires the job.
     *
     * @param scheduler job snapshots, host snapshots and heartbeats
     * @param applied the topic of registries
     * @param registryText of the version that the settings name; empty for version 0
     * @param published what was decided before
     */
    public static void assemble(
            DataStream<WireMessage> scheduler,
            DataStream<WireMessage> applied,
            String registryText,
            QuotaSettings settings,
            PublishedDecisions published,
            Sink<SinkRow> rows,
            Sink<DecisionMessage> decisions) {
        SingleOutputStreamOperator<JobFact> jobs =
                scheduler
                        .process(new QuotaRouter(settings))
                        .uid(QuotaRouter.UID)
                        .name(QuotaRouter.UID);
        SingleOutputStreamOperator<ClusterNews> registries =
                applied.process(new RegistryNews()).uid(RegistryNews.UID).name(RegistryNews.UID);
        SingleOutputStreamOperator<GrantInput> consumption =
                jobs.keyBy(JobFact::key)
                        .connect(
                                jobs.getSideOutput(QuotaRouter.NEWS)
                                        .union(registries)
                                        .broadcast(
                                                ConsumptionAssembler.HEARD,
                                                ConsumptionAssembler.HOSTS,
                                                ConsumptionAssembler.REGISTRY))
                        .process(new ConsumptionAssembler(settings, registryText))
                        .uid(ConsumptionAssembler.UID)
                        .name(ConsumptionAssembler.UID);
        SingleOutputStreamOperator<GrantInput> defined =
                registries
                        .keyBy(GrantsOfRegistry::key)
                        .process(new GrantsOfRegistry(settings))
                        .uid(GrantsOfRegistry.UID)
                        .name(GrantsOfRegistry.UID);
        SingleOutputStreamOperator<SinkRow> balances =
                consumption
                        .union(defined)
                        .keyBy(input -> input.grantId)
                        .process(new GrantBalance(settings, published))
                        .uid(GrantBalance.UID)
                        .name(GrantBalance.UID);
        balances.getSideOutput(GrantBalance.DECISIONS)
                .sinkTo(decisions)
                .uid(DECISIONS_UID)
                .name(DECISIONS_UID);
        balances.union(consumption.getSideOutput(ConsumptionAssembler.ROWS))
                .sinkTo(rows)
                .uid(SINK_UID)
                .name(SINK_UID);
    }
}
