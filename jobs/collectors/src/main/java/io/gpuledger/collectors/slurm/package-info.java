/** What Slurm says, as job and host snapshots. */
@NullMarked
package io.gpuledger.collectors.slurm;

import org.jspecify.annotations.NullMarked;
