@NullMarked
package io.gpuledger.benchmarks.queries;

import org.jspecify.annotations.NullMarked;
