@NullMarked
package io.gpuledger.core.registry;

import org.jspecify.annotations.NullMarked;
