/** What DCGM exporters say, as host scrapes. */
@NullMarked
package io.gpuledger.collectors.dcgm;

import org.jspecify.annotations.NullMarked;
