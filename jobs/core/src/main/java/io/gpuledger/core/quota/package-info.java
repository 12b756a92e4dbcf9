/** What is left of a grant, when it will be used up, and what has to be done (DESIGN section 9). */
@NullMarked
package io.gpuledger.core.quota;

import org.jspecify.annotations.NullMarked;
