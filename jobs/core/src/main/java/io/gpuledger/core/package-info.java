@NullMarked
package io.gpuledger.core;

import org.jspecify.annotations.NullMarked;
