package io.gpuledger.flink;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * The environment all jobs run in: no Kryo, no generated uids, one explicit maximum parallelism.
 */
public final class StrictEnvironment {
    /** Fixed for ever: a savepoint cannot change it. */
    public static final int MAX_PARALLELISM = 128;

    private StrictEnvironment() {}

    /** Adds the strict options to a configuration and gives the environment. */
    public static StreamExecutionEnvironment create(Configuration base) {
        Configuration configuration = new Configuration(base);
        configuration.set(PipelineOptions.GENERIC_TYPES, false);
        configuration.set(PipelineOptions.AUTO_GENERATE_UIDS, false);
        configuration.set(PipelineOptions.OBJECT_REUSE, true);
        configuration.set(PipelineOptions.MAX_PARALLELISM, MAX_PARALLELISM);
        return StreamExecutionEnvironment.getExecutionEnvironment(configuration);
    }
}
