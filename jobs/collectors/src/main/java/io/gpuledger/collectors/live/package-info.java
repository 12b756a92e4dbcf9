/** What runs until it is stopped: the collectors' metrics, receivers and way to Kafka. */
@org.jspecify.annotations.NullMarked
package io.gpuledger.collectors.live;
