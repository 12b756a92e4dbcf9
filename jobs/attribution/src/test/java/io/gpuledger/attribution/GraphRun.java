package io.gpuledger.attribution;

import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.flink.WireMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** The production graph in a real local Flink on bounded inputs. */
final class GraphRun {
    private static final Map<String, ConcurrentLinkedQueue<SinkRow>> COLLECTED =
            new ConcurrentHashMap<>();
    private static final AtomicLong RUNS = new AtomicLong();

    private GraphRun() {}

    /** All rows of all tables, as they came to the sink. */
    static List<SinkRow> of(List<byte[]> scheduler, List<byte[]> telemetry, int parallelism)
            throws Exception {
        StreamExecutionEnvironment env = StrictEnvironment.create(new Configuration());
        env.setParallelism(parallelism);
        return collect(
                        env,
                        "run",
                        messages(env, "scheduler", scheduler),
                        messages(env, "telemetry", telemetry),
                        AttributionSettings.backfill(0, 1))
                .rows();
    }

    /** What came to the sink of a job. */
    record Collected(JobID job, List<SinkRow> rows) {}

    /** Runs the graph between bounded sources and a sink that keeps everything. */
    static Collected collect(
            StreamExecutionEnvironment env,
            String prefix,
            DataStream<WireMessage> scheduler,
            DataStream<WireMessage> telemetry,
            AttributionSettings settings)
            throws Exception {
        String name = prefix + "-" + RUNS.incrementAndGet();
        ConcurrentLinkedQueue<SinkRow> rows = new ConcurrentLinkedQueue<>();
        COLLECTED.put(name, rows);
        AttributionGraph.assemble(
                scheduler,
                telemetry,
                RegistryState.none(),
                null,
                settings,
                new CollectingSink(name));
        JobID job = env.execute(name).getJobID();
        COLLECTED.remove(name);
        return new Collected(job, List.copyOf(rows));
    }

    /** The current row of each key of a usage table. */
    static Map<String, UsageReader.Stored> current(List<SinkRow> rows, SinkTable table) {
        Map<String, UsageReader.Stored> current = new TreeMap<>();
        for (SinkRow row : rows) {
            if (row.table.equals(table.name())) {
                UsageReader.Stored stored = UsageReader.read(row.row);
                current.merge(stored.key(), stored, (a, b) -> a.revision() > b.revision() ? a : b);
            }
        }
        return current;
    }

    /** The current rows of a usage table. */
    static List<UsageRow> rows(List<SinkRow> rows, SinkTable table) {
        return current(rows, table).values().stream().map(UsageReader.Stored::row).toList();
    }

    private static DataStream<WireMessage> messages(
            StreamExecutionEnvironment env, String name, List<byte[]> records) {
        List<WireMessage> messages = new ArrayList<>();
        for (int i = 0; i < records.size(); i++) {
            messages.add(new WireMessage(records.get(i), name, 0, i));
        }
        return env.fromData(messages).uid(name).name(name);
    }

    private record CollectingSink(String name) implements Sink<SinkRow> {
        @Override
        public SinkWriter<SinkRow> createWriter(WriterInitContext context) {
            String target = name;
            return new SinkWriter<>() {
                @Override
                public void write(SinkRow row, Context ignored) {
                    SinkRow copy = new SinkRow();
                    copy.table = row.table;
                    copy.row = row.row.clone();
                    COLLECTED.computeIfAbsent(target, n -> new ConcurrentLinkedQueue<>()).add(copy);
                }

                @Override
                public void flush(boolean endOfInput) {}

                @Override
                public void close() {}
            };
        }
    }
}
