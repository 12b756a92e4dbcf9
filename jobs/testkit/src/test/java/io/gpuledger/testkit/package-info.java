@NullMarked
package io.gpuledger.testkit;

import org.jspecify.annotations.NullMarked;
