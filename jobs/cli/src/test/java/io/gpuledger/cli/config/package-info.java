@NullMarked
package io.gpuledger.cli.config;

import org.jspecify.annotations.NullMarked;
