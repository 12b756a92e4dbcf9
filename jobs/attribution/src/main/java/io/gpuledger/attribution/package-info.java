@NullMarked
package io.gpuledger.attribution;

import org.jspecify.annotations.NullMarked;
