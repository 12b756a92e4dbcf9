package io.gpuledger.quota;

import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.registry.RegistryException;
import io.gpuledger.registry.RegistryText;
import java.util.List;
import java.util.TreeSet;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Tells every grant what the newest registry says of it, and those that are gone that they are. */
public final class GrantsOfRegistry extends KeyedProcessFunction<String, ClusterNews, GrantInput> {
    public static final String UID = "grants-of-registry"; // names this operator in every savepoint

    private static final long serialVersionUID = 1L;

    private final QuotaSettings settings;

    private transient ValueState<Long> version;
    private transient ValueState<String> text;

    public GrantsOfRegistry(QuotaSettings settings) {
        this.settings = settings;
    }

    /** There is one registry: one subtask tells all. */
    public static String key(ClusterNews news) {
        return "registry";
    }

    @Override
    public void open(OpenContext context) {
        version =
                getRuntimeContext()
                        .getState(new ValueStateDescriptor<>("registry-version", Types.LONG));
        text =
                getRuntimeContext()
                        .getState(new ValueStateDescriptor<>("registry-text", Types.STRING));
    }

    @Override
    public void processElement(ClusterNews news, Context context, Collector<GrantInput> out)
            throws Exception {
        Long before = version.value();
        // Before the registry that was in force at the start nothing is decided.
        if (news.version < settings.registryVersion()
                || (before != null && before >= news.version)) {
            return;
        }
        TreeSet<String> gone = new TreeSet<>();
        String last = text.value();
        if (before != null && last != null) {
            parse(before, last).grants().forEach(g -> gone.add(g.id()));
        }
        Registry registry = parse(news.version, news.text);
        for (Grant grant : registry.grants()) {
            gone.remove(grant.id());
            GrantInput input = new GrantInput();
            input.kind = GrantInput.GRANT;
            input.grantId = grant.id();
            input.version = news.version;
            input.text = RegistryText.of(alone(registry, grant));
            out.collect(input);
        }
        for (String id : gone) {
            GrantInput input = new GrantInput();
            input.kind = GrantInput.GRANT_GONE;
            input.grantId = id;
            input.version = news.version;
            out.collect(input);
        }
        version.update(news.version);
        text.update(news.text);
    }

    private static Registry alone(Registry registry, Grant grant) {
        return new Registry(
                List.of(),
                List.of(grant),
                List.of(),
                List.of(),
                List.of(),
                registry.adjustments().stream()
                        .filter(a -> a.grantId().equals(grant.id()))
                        .toList());
    }

    private static Registry parse(long version, String text) {
        try {
            return RegistryText.parse("registry " + version, text);
        } catch (RegistryException e) {
            // The router has read it before it let it pass.
            throw new IllegalStateException(
                    "registry version %d does not parse: %s".formatted(version, e.getMessage()), e);
        }
    }
}
