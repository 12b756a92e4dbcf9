@NullMarked
package io.gpuledger.cli;

import org.jspecify.annotations.NullMarked;
