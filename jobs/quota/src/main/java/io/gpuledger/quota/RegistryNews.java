package io.gpuledger.quota;

import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.registry.RegistryTopic;
import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/** Records of the topic {@code registry}; what is none goes to the dead letters. */
public final class RegistryNews extends ProcessFunction<WireMessage, ClusterNews> {
    public static final String UID = "route-registry"; // names this operator in every savepoint
    public static final OutputTag<SinkRow> ROWS =
            new OutputTag<>("registry-rows", TypeInformation.of(SinkRow.class));

    private static final long serialVersionUID = 1L;

    @Override
    public void processElement(WireMessage message, Context context, Collector<ClusterNews> out) {
        try {
            RegistryTopic.Version version = RegistryTopic.decode(message.value);
            RegistryText.parse("registry version " + version.version(), version.body());
            out.collect(of(version.version(), version.body()));
        } catch (IOException | RuntimeException | RegistryException e) {
            context.output(
                    ROWS,
                    QuotaLetters.ofRecord(
                            "REGISTRY",
                            "is no registry that this program can use: " + e.getMessage(),
                            message,
                            context.timerService().currentProcessingTime()));
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
