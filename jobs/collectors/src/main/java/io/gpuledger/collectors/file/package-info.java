/** Input files: what they are, how they are opened and what became of their records. */
@NullMarked
package io.gpuledger.collectors.file;

import org.jspecify.annotations.NullMarked;
