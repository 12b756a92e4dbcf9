package io.gpuledger.core.enforcement;

import io.gpuledger.core.registry.Action;

/** What is done to an association, mildest first. */
public enum Measure {
    /** Nothing; what was done before is taken back. */
    NONE,
    /** GPU jobs are accepted and wait; others run. */
    HOLD,
    /** New jobs are refused, GPU jobs that wait go on waiting, running ones go on running. */
    REFUSE,
    /** As {@link #REFUSE}, and GPU jobs that wait or run are cancelled. */
    DRAIN;

    /** A warning is for people. */
    public static Measure of(Action action) {
        return switch (action) {
            case ALLOW, WARN -> NONE;
            case HOLD -> HOLD;
            case REFUSE -> REFUSE;
            case DRAIN -> DRAIN;
        };
    }

    /** These limits with what this measure sets of them. */
    public Limits over(Limits limits) {
        return switch (this) {
            case NONE -> limits;
            case HOLD -> new Limits(0, limits.submitted());
            case REFUSE, DRAIN -> new Limits(0, 0);
        };
    }
}
