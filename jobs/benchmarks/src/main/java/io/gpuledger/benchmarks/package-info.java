/** What the product costs per sample, beside its physical bounds and what else one could use. */
@NullMarked
package io.gpuledger.benchmarks;

import org.jspecify.annotations.NullMarked;
