/** Closes months, keeps their statements and proves them again later (DESIGN section 10). */
@org.jspecify.annotations.NullMarked
package io.gpuledger.statements;
