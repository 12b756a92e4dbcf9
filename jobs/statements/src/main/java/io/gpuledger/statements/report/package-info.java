/** What people receive of a statement: one template, as page, print and data. */
@org.jspecify.annotations.NullMarked
package io.gpuledger.statements.report;
