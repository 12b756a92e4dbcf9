package io.gpuledger.benchmarks;

import java.io.IOException;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** A sink as it is, whose last flush stops the clock. */
final class MeasuredSink<T> implements Sink<T> {
    private static final long serialVersionUID = 1L;

    @SuppressWarnings("serial") // every Sink is Serializable
    private final Sink<T> sink;

    MeasuredSink(Sink<T> sink) {
        this.sink = sink;
    }

    @Override
    public SinkWriter<T> createWriter(WriterInitContext context) throws IOException {
        return new Writer<>(sink.createWriter(context));
    }

    @SuppressWarnings("try") // close throws what the sink's own does
    private record Writer<T>(SinkWriter<T> writer) implements SinkWriter<T> {
        @Override
        public void write(T element, Context context) throws IOException, InterruptedException {
            writer.write(element, context);
        }

        @Override
        public void flush(boolean endOfInput) throws IOException, InterruptedException {
            writer.flush(endOfInput);
            if (endOfInput) {
                RunClock.end();
            }
        }

        @Override
        public void close() throws Exception {
            writer.close();
        }
    }
}
