/** What the queries of users cost over a year of a cluster, and what the year costs on disk. */
@NullMarked
package io.gpuledger.benchmarks.queries;

import org.jspecify.annotations.NullMarked;
