package io.gpuledger.attribution;

import io.gpuledger.core.usage.Attribution;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.heap.HeapKeyedStateBackend;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.ProcessOperator;
import org.apache.flink.streaming.api.operators.co.CoBroadcastWithKeyedOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.KeyedBroadcastOperatorTestHarness;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.apache.flink.util.OutputTag;
import org.jspecify.annotations.Nullable;

/**
 * The live graph on Flink's operator harnesses, with the network between them played by queues that
 * a seed empties in some order: each queue keeps its order, as a Flink channel does, and nothing
 * else is promised. What a real cluster does by chance happens here on purpose, and again with the
 * same seed.
 */
final class LiveRun {
    private static final int MAX_PARALLELISM = StrictEnvironment.MAX_PARALLELISM;

    /**
     * What came out, of all attempts that share the list: the sink keeps what a failed one sent.
     */
    final List<SinkRow> rows;

    private final int parallelism;
    private final Random order;
    private final List<Channel<HeartbeatInput>> registries = new ArrayList<>();
    private final Router scheduler;
    private final Router telemetry;
    private final List<Keyed<JobInput, HostInput>> assemblers = new ArrayList<>();
    private final List<Keyed<HostInput, SinkRow>> attributors = new ArrayList<>();
    private final List<Channel<?>> channels = new ArrayList<>();

    /** State of the keyed operators at an instant at which no record was on its way. */
    record Checkpoint(
            List<OperatorSubtaskState> assemblers, List<OperatorSubtaskState> attributors) {
        long bytes() {
            long bytes = 0;
            for (OperatorSubtaskState state : assemblers) {
                bytes += state.getStateSize();
            }
            for (OperatorSubtaskState state : attributors) {
                bytes += state.getStateSize();
            }
            return bytes;
        }
    }

    LiveRun(AttributionSettings settings, int parallelism, long seed, List<SinkRow> rows)
            throws Exception {
        this(settings, parallelism, seed, rows, null);
    }

    LiveRun(
            AttributionSettings settings,
            int parallelism,
            long seed,
            List<SinkRow> rows,
            @Nullable Checkpoint from)
            throws Exception {
        this(settings, parallelism, seed, rows, from, RegistryState.none());
    }

    /** That begins with a registry. */
    LiveRun(
            AttributionSettings settings,
            int parallelism,
            long seed,
            List<SinkRow> rows,
            @Nullable Checkpoint from,
            RegistryState registry)
            throws Exception {
        this(settings, parallelism, seed, rows, from, registry, Attribution::attribute);
    }

    /** With a core that the test chose. */
    LiveRun(AttributionSettings settings, List<SinkRow> rows, HostAttributor.Core core)
            throws Exception {
        this(settings, 1, 1, rows, null, RegistryState.none(), core);
    }

    private LiveRun(
            AttributionSettings settings,
            int parallelism,
            long seed,
            List<SinkRow> rows,
            @Nullable Checkpoint from,
            RegistryState registry,
            HostAttributor.Core core)
            throws Exception {
        this.rows = rows;
        this.parallelism = parallelism;
        this.order = new Random(seed);
        for (int i = 0; i < parallelism; i++) {
            assemblers.add(
                    new Keyed<>(
                            new CoBroadcastWithKeyedOperator<>(
                                    new RunAssembler(settings), List.of(RunAssembler.KNOWN)),
                            JobInput::key,
                            i,
                            from == null ? null : from.assemblers()));
            attributors.add(
                    new Keyed<>(
                            new HostOperator(new HostAttributor(settings, registry, core)),
                            HostInput::key,
                            i,
                            from == null ? null : from.attributors()));
        }
        scheduler = new Router(RecordRouter.ofScheduler(settings));
        telemetry = new Router(RecordRouter.ofTelemetry(settings));
        for (Keyed<JobInput, HostInput> assembler : assemblers) {
            scheduler.jobs.add(channel(assembler.first, JobInput.class));
            telemetry.jobs.add(channel(assembler.first, JobInput.class));
            scheduler.heartbeats.add(channel(assembler.second, HeartbeatInput.class));
            for (Keyed<HostInput, SinkRow> attributor : attributors) {
                assembler.out.add(channel(attributor.first, HostInput.class));
            }
        }
        for (Keyed<HostInput, SinkRow> attributor : attributors) {
            scheduler.hosts.add(channel(attributor.first, HostInput.class));
            scheduler.heartbeats.add(channel(attributor.second, HeartbeatInput.class));
            telemetry.hosts.add(channel(attributor.first, HostInput.class));
        }
    }

    private <T> Channel<T> channel(Input<T> to, Class<T> type) {
        Channel<T> channel = new Channel<>(to, type);
        to.channels.add(channel);
        channels.add(channel);
        return channel;
    }

    void scheduler(WireMessage message) throws Exception {
        scheduler.read(message);
    }

    void telemetry(WireMessage message) throws Exception {
        telemetry.read(message);
    }

    void schedulerWatermark(long ms) throws Exception {
        scheduler.watermark(ms);
    }

    void telemetryWatermark(long ms) throws Exception {
        telemetry.watermark(ms);
    }

    /** The source says nothing for now and holds nobody back; its next watermark ends that. */
    /** As the topic tells all hosts; its source never holds back time. */
    void registry(RegistryState applied) {
        if (registries.isEmpty()) {
            for (Keyed<HostInput, SinkRow> attributor : attributors) {
                Channel<HeartbeatInput> channel = channel(attributor.second, HeartbeatInput.class);
                channel.idle = true;
                registries.add(channel);
            }
        }
        HeartbeatInput input = new HeartbeatInput();
        input.registry = applied;
        registries.forEach(c -> c.send(input));
    }

    void schedulerIdle() throws Exception {
        scheduler.idle();
    }

    void telemetryIdle() throws Exception {
        telemetry.idle();
    }

    /** Time of day of the machines. */
    void clock(long ms) throws Exception {
        scheduler.harness.setProcessingTime(ms);
        telemetry.harness.setProcessingTime(ms);
        for (Keyed<?, ?> keyed : keyed()) {
            keyed.harness.setProcessingTime(ms);
        }
    }

    /** Some of what is on its way arrives. */
    void deliverSome(int atMost) throws Exception {
        for (int i = order.nextInt(atMost + 1); i > 0; i--) {
            if (!deliverOne()) {
                return;
            }
        }
    }

    /** All that is on its way arrives. */
    void deliverAll() throws Exception {
        boolean any = true;
        while (any) {
            any = deliverOne();
        }
    }

    private boolean deliverOne() throws Exception {
        int from = order.nextInt(channels.size());
        for (int i = 0; i < channels.size(); i++) {
            Channel<?> channel = channels.get((from + i) % channels.size());
            if (channel.deliver()) {
                return true;
            }
        }
        return false;
    }

    /** Delivers everything and keeps the state. */
    Checkpoint checkpoint(long id) throws Exception {
        deliverAll();
        List<OperatorSubtaskState> a = new ArrayList<>();
        List<OperatorSubtaskState> h = new ArrayList<>();
        for (Keyed<?, ?> assembler : assemblers) {
            a.add(assembler.harness.snapshot(id, id));
        }
        for (Keyed<?, ?> attributor : attributors) {
            h.add(attributor.harness.snapshot(id, id));
        }
        return new Checkpoint(a, h);
    }

    private long countings = 1_000;

    /** Entries of keyed state, of all keys. */
    int stateEntries() throws Exception {
        checkpoint(++countings); // what is in memory only becomes state
        int entries = 0;
        for (Keyed<?, ?> keyed : keyed()) {
            AbstractStreamOperator<?> operator = keyed.harness.getOperator();
            HeapKeyedStateBackend<?> backend =
                    (HeapKeyedStateBackend<?>) operator.<String>getKeyedStateBackend();
            entries += backend.numKeyValueStateEntries();
        }
        return entries;
    }

    int timers() {
        return keyed().stream().mapToInt(k -> k.harness.numEventTimeTimers()).sum();
    }

    private List<Keyed<?, ?>> keyed() {
        List<Keyed<?, ?>> all = new ArrayList<>(assemblers);
        all.addAll(attributors);
        return all;
    }

    void close() throws Exception {
        scheduler.harness.close();
        telemetry.harness.close();
        for (Keyed<?, ?> keyed : keyed()) {
            keyed.harness.close();
        }
    }

    private int subtaskOf(String key) {
        return KeyGroupRangeAssignment.assignKeyToParallelOperator(
                key, MAX_PARALLELISM, parallelism);
    }

    /** A record, a watermark, or that the sender is idle. */
    private record Sent<T>(@Nullable T value, long watermark, boolean idle) {}

    /** One edge of the graph. */
    private static final class Channel<T> {
        private final Deque<Sent<T>> queue = new ArrayDeque<>();
        private final Input<T> to;
        private final TypeSerializer<T> serializer;
        private long watermark = Long.MIN_VALUE;
        private boolean idle;

        Channel(Input<T> to, Class<T> type) {
            this.to = to;
            serializer = TypeInformation.of(type).createSerializer(new SerializerConfigImpl());
        }

        /** As over a network, the receiver gets an object of its own. */
        void send(T value) {
            queue.add(new Sent<>(serializer.copy(value), 0, false));
        }

        void sendWatermark(long ms) {
            queue.add(new Sent<>(null, ms, false));
        }

        void sendIdle() {
            queue.add(new Sent<>(null, 0, true));
        }

        boolean deliver() throws Exception {
            Sent<T> sent = queue.poll();
            if (sent == null) {
                return false;
            }
            T value = sent.value();
            if (value != null) {
                to.receiver.element(value);
                return true;
            }
            idle = sent.idle();
            watermark = idle ? watermark : Math.max(watermark, sent.watermark());
            to.advance();
            return true;
        }
    }

    /** What an operator does with one of its inputs. */
    private interface Receiver<T> {
        void element(T value) throws Exception;

        void watermark(long ms) throws Exception;

        void status(WatermarkStatus status) throws Exception;
    }

    /** One input of an operator: its time is the least of its channels' that are not idle. */
    private static final class Input<T> {
        private final List<Channel<T>> channels = new ArrayList<>();
        private final Receiver<T> receiver;
        private long watermark = Long.MIN_VALUE;
        private boolean idle;

        Input(Receiver<T> receiver) {
            this.receiver = receiver;
        }

        void advance() throws Exception {
            long least = Long.MAX_VALUE;
            boolean allIdle = true;
            for (Channel<T> channel : channels) {
                if (!channel.idle) {
                    allIdle = false;
                    least = Math.min(least, channel.watermark);
                }
            }
            if (allIdle != idle) {
                idle = allIdle;
                receiver.status(idle ? WatermarkStatus.IDLE : WatermarkStatus.ACTIVE);
            }
            if (!allIdle && least > watermark) {
                watermark = least;
                receiver.watermark(least);
            }
        }
    }

    /** A source's router. */
    private final class Router {
        private final OneInputStreamOperatorTestHarness<WireMessage, JobInput> harness;
        private final List<Channel<JobInput>> jobs = new ArrayList<>();
        private final List<Channel<HeartbeatInput>> heartbeats = new ArrayList<>();
        private final List<Channel<HostInput>> hosts = new ArrayList<>();

        Router(RecordRouter router) throws Exception {
            harness =
                    new OneInputStreamOperatorTestHarness<>(
                            new ProcessOperator<>(router), MAX_PARALLELISM, 1, 0);
            harness.open();
        }

        void read(WireMessage message) throws Exception {
            harness.processElement(message, 0);
            for (StreamRecord<? extends JobInput> record : harness.extractOutputStreamRecords()) {
                jobs.get(subtaskOf(record.getValue().key())).send(record.getValue());
            }
            harness.getOutput().clear();
            for (HostInput input : drain(harness, RecordRouter.HOSTS)) {
                hosts.get(subtaskOf(input.key())).send(input);
            }
            for (HeartbeatInput input : drain(harness, RecordRouter.HEARTBEATS)) {
                heartbeats.forEach(c -> c.send(input));
            }
            rows.addAll(drain(harness, RecordRouter.ROWS));
        }

        void watermark(long ms) throws Exception {
            harness.processWatermark(ms);
            harness.getOutput().clear();
            jobs.forEach(c -> c.sendWatermark(ms));
            heartbeats.forEach(c -> c.sendWatermark(ms));
            hosts.forEach(c -> c.sendWatermark(ms));
        }

        void idle() {
            jobs.forEach(Channel::sendIdle);
            heartbeats.forEach(Channel::sendIdle);
            hosts.forEach(Channel::sendIdle);
        }
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

    /** One parallel instance of a keyed operator. */
    private final class Keyed<I, O> {
        private final KeyedBroadcastOperatorTestHarness<String, I, HeartbeatInput, O> harness;
        private final Input<I> first;
        private final Input<HeartbeatInput> second;
        private final List<Channel<HostInput>> out = new ArrayList<>();

        Keyed(
                CoBroadcastWithKeyedOperator<String, I, HeartbeatInput, O> operator,
                KeySelector<I, String> key,
                int subtask,
                @Nullable List<OperatorSubtaskState> from)
                throws Exception {
            harness =
                    new KeyedBroadcastOperatorTestHarness<>(
                            operator, key, Types.STRING, MAX_PARALLELISM, parallelism, subtask);
            if (from != null) {
                harness.initializeState(
                        AbstractStreamOperatorTestHarness.repartitionOperatorState(
                                AbstractStreamOperatorTestHarness.repackageState(
                                        from.toArray(new OperatorSubtaskState[0])),
                                MAX_PARALLELISM,
                                from.size(),
                                parallelism,
                                subtask));
            }
            harness.open();
            first =
                    new Input<>(
                            new Receiver<>() {
                                @Override
                                public void element(I value) throws Exception {
                                    harness.processElement(value, 0);
                                    forward();
                                }

                                @Override
                                public void watermark(long ms) throws Exception {
                                    harness.processWatermark(ms);
                                    forward();
                                }

                                @Override
                                public void status(WatermarkStatus status) throws Exception {
                                    operator.processWatermarkStatus1(status);
                                    forward();
                                }
                            });
            second =
                    new Input<>(
                            new Receiver<>() {
                                @Override
                                public void element(HeartbeatInput value) throws Exception {
                                    harness.processBroadcastElement(value, 0);
                                    forward();
                                }

                                @Override
                                public void watermark(long ms) throws Exception {
                                    harness.processBroadcastWatermark(ms);
                                    forward();
                                }

                                @Override
                                public void status(WatermarkStatus status) throws Exception {
                                    operator.processWatermarkStatus2(status);
                                    forward();
                                }
                            });
        }

        /** What the operator gave goes on its way, time in its place between the records. */
        private void forward() {
            for (Object given : harness.getOutput()) {
                if (given instanceof Watermark watermark) {
                    out.forEach(c -> c.sendWatermark(watermark.getTimestamp()));
                } else if (given instanceof WatermarkStatus status) {
                    // Active again: the watermark that follows says so.
                    if (status.isIdle()) {
                        out.forEach(Channel::sendIdle);
                    }
                } else if (given instanceof StreamRecord<?> record) {
                    if (record.getValue() instanceof SinkRow row) {
                        rows.add(row);
                    } else if (record.getValue() instanceof HostInput input) {
                        out.get(subtaskOf(input.key())).send(input);
                    }
                }
            }
            harness.getOutput().clear();
            rows.addAll(drain(harness, RunAssembler.RUN_ROWS));
        }
    }
}
