package io.gpuledger.benchmarks;

import io.gpuledger.attribution.Scrape;
import io.gpuledger.attribution.ScrapeDecoder;
import io.gpuledger.core.run.Run;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.records.RefusedRecordException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** The pieces that the pipeline is made of, of one host with 8 GPUs and four jobs. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CoreBenchmark {
    /** Scrape interval in seconds: a window has 60 samples of each GPU, or two. */
    @Param({"1", "30"})
    public int interval;

    private CoreInputs inputs = new CoreInputs(30);
    private int next;

    /** Makes the inputs of the interval. */
    @Setup
    public void prepare() {
        inputs = new CoreInputs(interval);
    }

    /** A minute of a host: 8 rows. */
    @Benchmark
    public List<UsageRow> attributeWindow() {
        return inputs.attribute();
    }

    /** The same of a host that had 384 jobs in the two days before: they should cost nothing. */
    @Benchmark
    public List<UsageRow> attributeWindowAfterDays() {
        return inputs.attributeAfterDays();
    }

    /** What three sources said of a job in ten different ways. */
    @Benchmark
    public List<Run> mergeSnapshots() {
        return inputs.merge();
    }

    /** A scrape laid out as the one before: 8 GPUs of 8 fields. */
    @Benchmark
    public Scrape decodeScrape() throws RefusedRecordException {
        next = (next + 1) % CoreInputs.SCRAPES;
        return inputs.decoder().decode(inputs.scrape(next));
    }

    /** A scrape of a host that nobody saw before, through Avro. */
    @Benchmark
    public Scrape decodeFirstScrape() throws RefusedRecordException {
        next = (next + 1) % CoreInputs.SCRAPES;
        return new ScrapeDecoder(inputs.limits()).decode(inputs.scrape(next));
    }

    /** A minute row with two holders. */
    @Benchmark
    public byte[] encodeRow() {
        return RowBinary.usage(inputs.row());
    }
}
