@NullMarked
package io.gpuledger.local;

import org.jspecify.annotations.NullMarked;
