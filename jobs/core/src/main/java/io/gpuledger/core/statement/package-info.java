/** What a grant is told each month, and what of it was corrected since: DESIGN section 10. */
@NullMarked
package io.gpuledger.core.statement;

import org.jspecify.annotations.NullMarked;
