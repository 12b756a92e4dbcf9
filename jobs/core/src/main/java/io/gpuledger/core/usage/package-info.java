@NullMarked
package io.gpuledger.core.usage;

import org.jspecify.annotations.NullMarked;
