@NullMarked
package io.gpuledger.core.run;

import org.jspecify.annotations.NullMarked;
