package io.gpuledger.quota;

import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
import io.gpuledger.schemas.QuotaDecisionRecord;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.heap.HeapKeyedStateBackend;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.KeyedProcessOperator;
import org.apache.flink.streaming.api.operators.ProcessOperator;
import org.apache.flink.streaming.api.operators.co.CoBroadcastWithKeyedOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.KeyedBroadcastOperatorTestHarness;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.apache.flink.util.OutputTag;
import org.jspecify.annotations.Nullable;

/** The operators of the job on Flink's harnesses, one subtask each, with a clock that tests set. */
final class QuotaRun implements AutoCloseable {
    /** State of the keyed operators when nothing is on its way. */
    record Checkpoint(
            OperatorSubtaskState assembler,
            OperatorSubtaskState registry,
            OperatorSubtaskState balance) {}

    /** What the balance has of a run, as in the table {@code quota_runs}. */
    record RunRow(boolean open, long gpuMs, long chargedGpuUs, int flags) {}

    /** Part of a row of {@code quota_state}. */
    record StateRow(
            String state,
            String action,
            long budgetGpuUs,
            long usedGpuUs,
            long settledGpuUs,
            long runningGpuUs,
            long committedGpuUs) {}

    /** What a topic would keep over a restart; shared by attempts. */
    static final class Topic implements PublishedDecisions {
        private static final Map<String, List<QuotaDecisionRecord>> TOPICS = new HashMap<>();
        private static final long serialVersionUID = 1L;
        private final String name;

        Topic(String name) {
            this.name = name;
            TOPICS.put(name, new ArrayList<>());
        }

        List<QuotaDecisionRecord> all() {
            return TOPICS.getOrDefault(name, List.of());
        }

        @Override
        public Map<String, QuotaDecisionRecord> latest() {
            Map<String, QuotaDecisionRecord> latest = new HashMap<>();
            all().forEach(d -> latest.put(d.getGrantId(), d));
            return latest;
        }
    }

    final List<SinkRow> rows = new ArrayList<>();
    private final Topic topic;
    private final OneInputStreamOperatorTestHarness<WireMessage, JobFact> router;
    private final KeyedBroadcastOperatorTestHarness<String, JobFact, ClusterNews, GrantInput>
            assembler;
    private final KeyedOneInputStreamOperatorTestHarness<String, ClusterNews, GrantInput> registry;
    private final KeyedOneInputStreamOperatorTestHarness<String, GrantInput, SinkRow> balance;
    private long offset;

    QuotaRun(
            QuotaSettings settings,
            String registryText,
            Topic topic,
            long nowMs,
            @Nullable Checkpoint from)
            throws Exception {
        this.topic = topic;
        router =
                new OneInputStreamOperatorTestHarness<>(
                        new ProcessOperator<>(new QuotaRouter(settings)));
        assembler =
                new KeyedBroadcastOperatorTestHarness<>(
                        new CoBroadcastWithKeyedOperator<>(
                                new ConsumptionAssembler(settings, registryText),
                                List.of(
                                        ConsumptionAssembler.HEARD,
                                        ConsumptionAssembler.HOSTS,
                                        ConsumptionAssembler.REGISTRY)),
                        JobFact::key,
                        Types.STRING,
                        StrictEnvironment.MAX_PARALLELISM,
                        1,
                        0);
        registry =
                new KeyedOneInputStreamOperatorTestHarness<>(
                        new KeyedProcessOperator<>(new GrantsOfRegistry(settings)),
                        GrantsOfRegistry::key,
                        Types.STRING,
                        StrictEnvironment.MAX_PARALLELISM,
                        1,
                        0);
        balance =
                new KeyedOneInputStreamOperatorTestHarness<>(
                        new KeyedProcessOperator<>(new GrantBalance(settings, topic)),
                        input -> input.grantId,
                        Types.STRING,
                        StrictEnvironment.MAX_PARALLELISM,
                        1,
                        0);
        for (AbstractStreamOperatorTestHarness<?> harness :
                List.of(router, assembler, registry, balance)) {
            harness.setProcessingTime(nowMs);
        }
        if (from != null) {
            assembler.initializeState(from.assembler());
            registry.initializeState(from.registry());
            balance.initializeState(from.balance());
        }
        for (AbstractStreamOperatorTestHarness<?> harness :
                List.of(router, assembler, registry, balance)) {
            harness.open();
        }
    }

    /** A record of the scheduler's topics. */
    void record(byte[] value, long arrivedAtMs) throws Exception {
        WireMessage message = new WireMessage(value, "job-snapshots", 0, offset++);
        message.timestampMs = arrivedAtMs;
        router.processElement(message, 0);
        for (ClusterNews news : drain(router, QuotaRouter.NEWS)) {
            assembler.processBroadcastElement(news, 0);
        }
        for (JobFact fact : router.extractOutputValues()) {
            assembler.processElement(fact, 0);
        }
        router.getOutput().clear();
        forward();
    }

    void registry(long version, String text) throws Exception {
        ClusterNews news = RegistryNews.of(version, text);
        registry.processElement(news, 0);
        assembler.processBroadcastElement(news, 0);
        forward();
    }

    /** Something that a test makes up for a grant. */
    void input(GrantInput input) throws Exception {
        balance.processElement(input, 0);
        forward();
    }

    void watermark(long ms) throws Exception {
        assembler.processWatermark(ms);
        assembler.processBroadcastWatermark(
                new org.apache.flink.streaming.api.watermark.Watermark(ms));
        forward();
        balance.processWatermark(ms);
        forward();
    }

    /** Lets the clock go on, timer by timer. */
    void clock(long nowMs) throws Exception {
        router.setProcessingTime(nowMs);
        assembler.setProcessingTime(nowMs);
        forward();
        registry.setProcessingTime(nowMs);
        balance.setProcessingTime(nowMs);
        forward();
    }

    Checkpoint checkpoint(long id) throws Exception {
        return new Checkpoint(
                assembler.snapshot(id, id), registry.snapshot(id, id), balance.snapshot(id, id));
    }

    /** Entries of the state of grants. */
    int grantEntries() {
        AbstractStreamOperator<?> operator = (AbstractStreamOperator<?>) balance.getOperator();
        HeapKeyedStateBackend<?> backend =
                (HeapKeyedStateBackend<?>) operator.<String>getKeyedStateBackend();
        return backend.numKeyValueStateEntries();
    }

    private void forward() throws Exception {
        for (GrantInput input : assembler.extractOutputValues()) {
            balance.processElement(copy(input), 0);
        }
        assembler.getOutput().clear();
        rows.addAll(drain(assembler, ConsumptionAssembler.ROWS));
        for (GrantInput input : registry.extractOutputValues()) {
            balance.processElement(copy(input), 0);
        }
        registry.getOutput().clear();
        rows.addAll(balance.extractOutputValues());
        balance.getOutput().clear();
        for (DecisionMessage message : drain(balance, GrantBalance.DECISIONS)) {
            topic.all().add(QuotaDecisionRecord.getDecoder().decode(message.value));
        }
    }

    /** As over a network, the receiver gets an object of its own. */
    private static GrantInput copy(GrantInput input) {
        return TypeInformation.of(GrantInput.class)
                .createSerializer(
                        new org.apache.flink.api.common.serialization.SerializerConfigImpl())
                .copy(input);
    }

    private static <T> List<T> drain(
            AbstractStreamOperatorTestHarness<?> harness, OutputTag<T> tag) {
        List<T> values = new ArrayList<>();
        ConcurrentLinkedQueue<StreamRecord<T>> queue = harness.getSideOutput(tag);
        if (queue != null) {
            queue.forEach(record -> values.add(record.getValue()));
            queue.clear();
        }
        return values;
    }

    /** The last row of each run and grant, by {@code run@grant}. */
    Map<String, RunRow> runs() {
        Map<String, RunRow> last = new TreeMap<>();
        for (SinkRow row : rows) {
            if (row.table.equals(SinkTable.QUOTA_RUNS.name())) {
                ByteBuffer in = ByteBuffer.wrap(row.row).order(ByteOrder.LITTLE_ENDIAN);
                String grant = string(in);
                string(in);
                String run = string(in);
                boolean open = in.get() != 0;
                in.getLong();
                last.put(
                        run + "@" + grant,
                        new RunRow(open, in.getLong(), in.getLong(), in.getInt()));
            }
        }
        return last;
    }

    /** The last row of each grant. */
    Map<String, StateRow> states() {
        Map<String, StateRow> last = new TreeMap<>();
        for (SinkRow row : rows) {
            if (row.table.equals(SinkTable.QUOTA_STATE.name())) {
                ByteBuffer in = ByteBuffer.wrap(row.row).order(ByteOrder.LITTLE_ENDIAN);
                String grant = string(in);
                in.getLong();
                String state = string(in);
                String action = string(in);
                in.get();
                in.getLong();
                in.get();
                in.getLong();
                in.getLong();
                last.put(
                        grant,
                        new StateRow(
                                state,
                                action,
                                in.getLong(),
                                in.getLong(),
                                in.getLong(),
                                in.getLong(),
                                in.getLong()));
            }
        }
        return last;
    }

    List<String> deadLetters() {
        return rows.stream()
                .filter(r -> r.table.equals(SinkTable.DEAD_LETTERS.name()))
                .map(r -> new String(r.row, StandardCharsets.UTF_8))
                .toList();
    }

    private static String string(ByteBuffer in) {
        int size = 0;
        byte next;
        int shift = 0;
        do {
            next = in.get();
            size |= (next & 0x7f) << shift;
            shift += 7;
        } while (next < 0);
        byte[] text = new byte[size];
        in.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        try {
            router.close();
            assembler.close();
            registry.close();
            balance.close();
        } catch (Exception e) { // declared by the harness
            throw new IllegalStateException(e);
        }
    }
}
