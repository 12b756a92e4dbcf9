/** What every job does with a record before it uses it: decode, doubt, and turn into the core's. */
@NullMarked
package io.gpuledger.flink.records;

import org.jspecify.annotations.NullMarked;
