package io.gpuledger.benchmarks;

import io.gpuledger.sql.Warehouse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Whether a sample costs more where there is more of something: the attribution job on records of
 * the same cluster with history, runs or hosts doubled. And how large the state is and how long its
 * checkpoint takes, with RocksDB and incremental.
 */
public final class GrowthBenchmark {
    /** Jobs of the base last 10 minutes to 3 h 10 min, so that half as long is half the time. */
    private static final Duration POLL = Duration.ofMinutes(5);

    private static final Duration SPREAD = Duration.ofHours(3);

    /** Half the mean time from one start to the next: (10 + 90 + 1) / 2 = 10 + 79.5 / 2 + 1. */
    private static final Duration HALF_SPREAD = Duration.ofMinutes(79);

    private static final int PARTITIONS = 4;

    /**
     * What is measured.
     *
     * @param hosts of the base
     * @param span of the base
     * @param stateHosts of the checkpoint
     * @param stateSpan of the checkpoint
     * @param repeat runs of each case that count
     */
    public record Plan(
            long seed,
            int hosts,
            Duration span,
            Duration scrapeInterval,
            int stateHosts,
            Duration stateSpan,
            int repeat,
            int warmUp,
            int parallelism) {
        public Plan {
            if (repeat < 1 || warmUp < 0 || parallelism < 1) {
                throw new IllegalArgumentException(
                        "runs and parallelism are at least 1, runs to warm up at least 0");
            }
        }

        /**
         * Refuses what no cluster can be, before anything is started.
         *
         * @return the same
         */
        public Plan checked() {
            long samples = base(1, span, SPREAD).samples() + state().samples();
            if (samples <= 0) {
                throw new IllegalArgumentException("there are no samples");
            }
            return this;
        }

        private SimulatedCluster base(int times, Duration length, Duration spread) {
            return new SimulatedCluster(seed, times * hosts, length, scrapeInterval, POLL, spread);
        }

        private SimulatedCluster state() {
            return new SimulatedCluster(seed, stateHosts, stateSpan, scrapeInterval, POLL, SPREAD);
        }
    }

    /**
     * A cluster and what its runs came to.
     *
     * @param ratios cost of a sample in each run against the runs of the base before and after it
     */
    public record Case(
            String name,
            SimulatedCluster cluster,
            BenchTopics.Contents contents,
            List<Measurement> runs,
            List<Double> ratios) {
        public Case {
            runs = List.copyOf(runs);
            ratios = List.copyOf(ratios);
        }
    }

    private final String brokers;
    private final Warehouse warehouse;
    private final ProcessMeter meter;
    private final Path scratch;

    /**
     * On servers that run.
     *
     * @param warehouse its database is dropped and made anew
     * @param scratch for Flink's files
     */
    public GrowthBenchmark(String brokers, Warehouse warehouse, ProcessMeter meter, Path scratch) {
        this.brokers = brokers;
        this.warehouse = warehouse;
        this.meter = meter;
        this.scratch = scratch;
    }

    /**
     * Measures all. Each case runs between two runs of the base, for the machine and the JVM are
     * not the same for long, and what it costs is compared with those two. A run of the base is
     * compared with the two that are nearest to it in the same way, which says how much the machine
     * alone does.
     *
     * @return the base first
     * @throws WrongLedgerException when a run did not end with what was generated
     */
    public List<Case> run(Plan plan, Consumer<String> progress) throws Exception {
        Map<String, SimulatedCluster> clusters = new LinkedHashMap<>();
        clusters.put("base", plan.base(1, plan.span(), SPREAD));
        clusters.put("history x 2", plan.base(1, plan.span().multipliedBy(2), SPREAD));
        clusters.put("runs x 2", plan.base(1, plan.span(), HALF_SPREAD));
        clusters.put("hosts x 2", plan.base(2, plan.span(), SPREAD));
        List<Written> all = new ArrayList<>();
        try {
            for (Map.Entry<String, SimulatedCluster> of : clusters.entrySet()) {
                progress.accept("writing " + of.getKey());
                BenchTopics topics =
                        all.isEmpty()
                                ? BenchTopics.create(brokers, PARTITIONS)
                                : all.get(0).topics().beside();
                all.add(write(of.getKey(), of.getValue(), topics));
            }
            Written base = all.get(0);
            for (int round = 0; round < plan.warmUp(); round++) {
                for (Written one : all) {
                    turn("warm-up", one, plan, progress);
                }
            }
            base.runs().add(turn("round 1", base, plan, progress));
            for (int round = 1; round <= plan.repeat(); round++) {
                for (Written one : all.subList(1, all.size())) {
                    one.runs().add(turn("round " + round, one, plan, progress));
                    base.runs().add(turn("round " + round, base, plan, progress));
                }
            }
            return results(all);
        } finally {
            all.forEach(one -> one.topics().close());
        }
    }

    private Measurement turn(String when, Written one, Plan plan, Consumer<String> progress)
            throws Exception {
        Measurement measured = measure(one, once(Variant.ATTRIBUTION_HEAP, plan), said -> {});
        progress.accept(
                "%s, %s: %.2f CPU-s per million samples; rows %d"
                        .formatted(when, one.name(), one.cost(measured), measured.minuteRows()));
        return measured;
    }

    /** The first is the base; its runs lie before, between and after those of the others. */
    private static List<Case> results(List<Written> all) {
        Written base = all.get(0);
        List<Double> bases = base.runs().stream().map(base::cost).toList();
        List<Double> ofItself = new ArrayList<>();
        for (int i = 1; i + 1 < bases.size(); i++) {
            ofItself.add(2 * bases.get(i) / (bases.get(i - 1) + bases.get(i + 1)));
        }
        List<Case> cases = new ArrayList<>(List.of(base.result(ofItself)));
        int others = all.size() - 1;
        for (int other = 0; other < others; other++) {
            Written one = all.get(other + 1);
            List<Double> ratios = new ArrayList<>();
            for (int round = 0; round < one.runs().size(); round++) {
                int before = round * others + other;
                double cost = one.cost(one.runs().get(round));
                ratios.add(2 * cost / (bases.get(before) + bases.get(before + 1)));
            }
            cases.add(one.result(ratios));
        }
        return cases;
    }

    /** One run with RocksDB, to see its checkpoints. */
    public Case checkpoint(Plan plan, Consumer<String> progress) throws Exception {
        Written state = write("state", plan.state(), BenchTopics.create(brokers, PARTITIONS));
        try {
            state.runs()
                    .add(
                            measure(
                                    state,
                                    once(Variant.ATTRIBUTION_ROCKSDB, plan),
                                    said -> progress.accept(state.name() + ", " + said)));
            return state.result(List.of());
        } finally {
            state.topics().close();
        }
    }

    /** Records of a case, and the runs over them so far. */
    private record Written(
            String name,
            SimulatedCluster cluster,
            BenchTopics topics,
            BenchTopics.Contents contents,
            List<Measurement> runs) {
        double cost(Measurement run) {
            return run.cpuSecondsPerMillion(contents.samples());
        }

        Case result(List<Double> ratios) {
            return new Case(name, cluster, contents, runs, ratios);
        }
    }

    private static PipelineBenchmark.Plan once(Variant variant, Plan plan) {
        return new PipelineBenchmark.Plan(List.of(variant), 1, 0, plan.parallelism());
    }

    private static Written write(String name, SimulatedCluster cluster, BenchTopics topics) {
        try {
            return new Written(
                    name, cluster, topics, topics.write(cluster, false), new ArrayList<>());
        } catch (RuntimeException e) {
            topics.close();
            throw e;
        }
    }

    private Measurement measure(Written one, PipelineBenchmark.Plan once, Consumer<String> progress)
            throws Exception {
        return Objects.requireNonNull(
                        new PipelineBenchmark(
                                        one.topics(), one.contents(), warehouse, meter, scratch)
                                .run(once, one.cluster().jobs(), progress)
                                .get(once.variants().get(0)),
                        "it was run")
                .get(0);
    }
}
