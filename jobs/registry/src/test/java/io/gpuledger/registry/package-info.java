@NullMarked
package io.gpuledger.registry;

import org.jspecify.annotations.NullMarked;
