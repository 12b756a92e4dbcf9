@NullMarked
package io.gpuledger.core.time;

import org.jspecify.annotations.NullMarked;
