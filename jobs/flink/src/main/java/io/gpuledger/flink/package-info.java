@NullMarked
package io.gpuledger.flink;

import org.jspecify.annotations.NullMarked;
