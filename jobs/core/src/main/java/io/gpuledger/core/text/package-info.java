@NullMarked
package io.gpuledger.core.text;

import org.jspecify.annotations.NullMarked;
