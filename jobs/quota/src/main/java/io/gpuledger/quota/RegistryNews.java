package io.gpuledger.quota;

import io.gpuledger.flink.WireMessage;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.registry.RegistryTopic;
import java.io.IOException;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.metrics.Counter;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/** Records of the topic {@code registry}; what is none the attribution job sets aside. */
public final class RegistryNews extends ProcessFunction<WireMessage, ClusterNews> {
    public static final String UID = "route-registry"; // names this operator in every savepoint

    private static final long serialVersionUID = 1L;

    private transient Counter deadLettered;

    @Override
    public void open(OpenContext context) {
        deadLettered = getRuntimeContext().getMetricGroup().counter("recordsDeadLettered");
    }

    @Override
    public void processElement(WireMessage message, Context context, Collector<ClusterNews> out) {
        try {
            RegistryTopic.Version version = RegistryTopic.decode(message.value);
            RegistryText.parse("registry version " + version.version(), version.body());
            out.collect(of(version.version(), version.body()));
        } catch (IOException | RuntimeException | RegistryException e) {
            deadLettered.inc();
        }
    }

    static ClusterNews of(long version, String text) {
        ClusterNews news = new ClusterNews();
        news.kind = ClusterNews.REGISTRY;
        news.version = version;
        news.text = text;
        return news;
    }
}
