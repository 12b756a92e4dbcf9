package io.gpuledger.collectors.live;

import io.gpuledger.collectors.file.InputCount;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.time.Duration;

/** What a collector says of itself on {@code /metrics}. */
public final class CollectorMetrics {
    private final PrometheusRegistry registry = new PrometheusRegistry();

    private final Counter records =
            Counter.builder()
                    .name("gpu_ledger_input_records_total")
                    .help(
                            "Input records by what became of them: read = used + duplicate + ignored + dead_lettered.")
                    .labelNames("outcome")
                    .register(registry);
    private final Counter droppedFields =
            Counter.builder()
                    .name("gpu_ledger_input_dropped_fields_total")
                    .help("Fields left out of records that were used.")
                    .register(registry);
    private final Counter published =
            Counter.builder()
                    .name("gpu_ledger_published_total")
                    .help("Records for Kafka: acknowledged, or lost because it did not take them.")
                    .labelNames("topic", "outcome")
                    .register(registry);
    private final Counter requests =
            Counter.builder()
                    .name("gpu_ledger_requests_total")
                    .help("What was asked of a source, or sent to a receiver, by outcome.")
                    .labelNames("source", "outcome")
                    .register(registry);
    private final Histogram seconds =
            Histogram.builder()
                    .name("gpu_ledger_request_seconds")
                    .help("From the question to the records handed to Kafka.")
                    .labelNames("source")
                    .classicOnly()
                    .classicUpperBounds(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
                    .register(registry);
    private final Gauge up =
            Gauge.builder()
                    .name("gpu_ledger_source_up")
                    .help("1 where the last answer of a source could be used.")
                    .labelNames("source")
                    .register(registry);
    private final Gauge lastSuccess =
            Gauge.builder()
                    .name("gpu_ledger_source_last_success_timestamp_seconds")
                    .help("When a source last answered with something that could be used.")
                    .labelNames("source")
                    .register(registry);
    private final Gauge sources =
            Gauge.builder()
                    .name("gpu_ledger_sources")
                    .help("Sources that are asked.")
                    .register(registry);

    /** For the endpoint that shows them. */
    public PrometheusRegistry registry() {
        return registry;
    }

    /** The records of one input. */
    public void count(InputCount c) {
        records.labelValues("used").inc(c.used());
        records.labelValues("duplicate").inc(c.duplicate());
        records.labelValues("dead_lettered").inc(c.deadLettered());
        c.ignored().values().forEach(n -> records.labelValues("ignored").inc(n));
        droppedFields.inc(c.droppedFields());
    }

    void acknowledged(String topic) {
        published.labelValues(topic, "acknowledged").inc();
    }

    void lost(String topic) {
        published.labelValues(topic, "lost").inc();
    }

    /** Something was asked or received; the kind of source, not its address. */
    public void request(String kind, String outcome, Duration took) {
        requests.labelValues(kind, outcome).inc();
        seconds.labelValues(kind).observe(took.toNanos() / 1e9);
    }

    /** A single source answered well. */
    public void succeeded(String source, long atMs) {
        up.labelValues(source).set(1);
        lastSuccess.labelValues(source).set(atMs / 1000.0);
    }

    /** A single source did not. */
    public void failed(String source) {
        up.labelValues(source).set(0);
    }

    /** A source is not asked any more. */
    public void forget(String source) {
        up.remove(source);
        lastSuccess.remove(source);
    }

    public void sources(int n) {
        sources.set(n);
    }
}
