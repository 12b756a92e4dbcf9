package io.gpuledger.quota;

import io.gpuledger.schemas.QuotaDecisionRecord;
import java.io.Serializable;
import java.util.Map;

/**
 * What was published by earlier attempts. A job that goes on from a checkpoint has forgotten what
 * it published after it; to decide that again would be to decide twice.
 */
public interface PublishedDecisions extends Serializable {
    /** The last decision of each grant. */
    Map<String, QuotaDecisionRecord> latest();
}
