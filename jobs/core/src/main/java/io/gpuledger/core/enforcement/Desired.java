package io.gpuledger.core.enforcement;

/**
 * What has to be done to an association.
 *
 * @param grantId the grant that wants it so
 * @param sequence of the decision on it, 0 where there is none
 */
public record Desired(Association association, Measure measure, String grantId, long sequence) {}
