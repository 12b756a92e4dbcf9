/** A Slurm that is asked again and again, and what it sends by itself. */
@org.jspecify.annotations.NullMarked
package io.gpuledger.collectors.slurm.live;
