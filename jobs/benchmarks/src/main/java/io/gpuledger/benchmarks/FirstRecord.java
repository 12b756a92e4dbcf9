package io.gpuledger.benchmarks;

import io.gpuledger.flink.WireMessage;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;

/** Passes records on; the first one starts the clock. */
final class FirstRecord extends ProcessFunction<WireMessage, WireMessage> {
    private static final long serialVersionUID = 1L;

    @Override
    public void processElement(WireMessage message, Context context, Collector<WireMessage> out) {
        RunClock.begin();
        out.collect(message);
    }
}
