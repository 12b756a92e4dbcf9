package io.gpuledger.collectors.live;

import io.gpuledger.collectors.kafka.KafkaPublisher;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts what Kafka took, and says once in a while what it did not. */
public final class CountedDelivery implements KafkaPublisher.Fate {
    private static final Logger LOG = LoggerFactory.getLogger(CountedDelivery.class);
    private static final long QUIET_NANOS = 10_000_000_000L;

    private final CollectorMetrics metrics;
    private final AtomicLong lost = new AtomicLong();
    private final AtomicLong saidAt = new AtomicLong(System.nanoTime() - QUIET_NANOS);

    public CountedDelivery(CollectorMetrics metrics) {
        this.metrics = metrics;
    }

    @Override
    public void acknowledged(String topic) {
        metrics.acknowledged(topic);
    }

    @Override
    public boolean lost(String topic, Exception why) {
        metrics.lost(topic);
        long n = lost.incrementAndGet();
        long said = saidAt.get();
        long now = System.nanoTime();
        if (now - said >= QUIET_NANOS && saidAt.compareAndSet(said, now)) {
            LOG.error(
                    "Kafka did not take a record for {} ({}); {} lost so far. Check the brokers.",
                    topic,
                    why.getMessage(),
                    n);
        }
        return true;
    }

    /** Records that Kafka did not take. */
    public long lost() {
        return lost.get();
    }
}
