/** The configuration: its keys, the file and environment they are read from, who won. */
@NullMarked
package io.gpuledger.cli.config;

import org.jspecify.annotations.NullMarked;
