/** Tests of the input readers. */
@NullMarked
package io.gpuledger.collectors;

import org.jspecify.annotations.NullMarked;
