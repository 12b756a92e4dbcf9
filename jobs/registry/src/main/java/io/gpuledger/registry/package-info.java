/** A site's registry as files: YAML to the model of the core and back to one canonical text. */
@NullMarked
package io.gpuledger.registry;

import org.jspecify.annotations.NullMarked;
