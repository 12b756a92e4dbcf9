@NullMarked
package io.gpuledger.sql;

import org.jspecify.annotations.NullMarked;
