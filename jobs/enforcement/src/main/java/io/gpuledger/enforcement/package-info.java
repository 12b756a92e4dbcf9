/** Carries out decisions in a Slurm. */
@org.jspecify.annotations.NullMarked
package io.gpuledger.enforcement;
