@NullMarked
package io.gpuledger.core.reconcile;

import org.jspecify.annotations.NullMarked;
