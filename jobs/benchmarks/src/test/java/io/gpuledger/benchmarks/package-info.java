@NullMarked
package io.gpuledger.benchmarks;

import org.jspecify.annotations.NullMarked;
