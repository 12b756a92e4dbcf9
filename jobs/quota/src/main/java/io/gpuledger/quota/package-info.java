/** The quota job: what is left of every grant, and what has to be done (DESIGN section 9). */
@NullMarked
package io.gpuledger.quota;

import org.jspecify.annotations.NullMarked;
