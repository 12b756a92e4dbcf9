/** From decisions on grants to limits of a scheduler's associations. */
@org.jspecify.annotations.NullMarked
package io.gpuledger.core.enforcement;
