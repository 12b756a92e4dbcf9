@NullMarked
package io.gpuledger.collectors.kafka;

import org.jspecify.annotations.NullMarked;
