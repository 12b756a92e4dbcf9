package io.gpuledger.testkit;

/** What is odd about a scenario. Several may be combined; {@link #PLAIN} is none of them. */
public enum Kind {
    PLAIN(Of.RUN),
    MULTI_HOST(Of.RUN),
    EXCLUSIVE(Of.RUN),
    SUSPENDED(Of.RUN),
    /** Polls miss some of the suspensions or of the time between them; what they say suffices. */
    SUSPENDED_BETWEEN_POLLS(Of.RUN),
    CANCELLED_WHILE_SUSPENDED(Of.RUN),
    RESIZED(Of.RUN),
    REQUEUED(Of.RUN),
    REQUEUED_AFTER_END(Of.RUN),
    LOST_INCARNATION(Of.RUN),
    LOST_INCARNATION_HOOKS_ONLY(Of.RUN),
    NODE_FAIL(Of.RUN),
    STILL_RUNNING(Of.RUN),
    NEVER_STARTED(Of.RUN),
    ZERO_LENGTH(Of.RUN),
    DOUBLE_HOLD(Of.RUN),
    RUNAWAY(Of.RUN),
    /** A run ends with a whole minute; of its cards nothing is heard later but the epilog. */
    ENDS_WITH_THE_MINUTE(Of.RUN),
    /** The controller does not tell indices. */
    COUNT_ONLY(Of.SCHEDULER),
    /** Counts on several hosts, from accounting alone. */
    COUNT_OVER_HOSTS(Of.SCHEDULER),
    HOOKS_AND_ACCOUNTING(Of.SCHEDULER),
    /** Accounting has not been read yet. */
    POLLS_ONLY(Of.SCHEDULER),
    RARE_POLLS(Of.SCHEDULER),
    SHARDS(Of.HOST),
    MIG_MAPPED(Of.HOST),
    MIG_MAPPED_INSTANCE_ROWS(Of.HOST),
    MIG_UNMAPPED(Of.HOST),
    NODE_STATES(Of.HOST),
    RESERVATIONS(Of.HOST),
    /** No look at the node: exporters alone tell which cards it has. */
    NO_INVENTORY(Of.HOST),
    INVENTORY_MAPS_UUIDS(Of.HOST),
    NO_TELEMETRY(Of.TELEMETRY),
    MISSING_SCRAPES(Of.TELEMETRY),
    BLANK_FIELDS(Of.TELEMETRY),
    COUNTER_RESET(Of.TELEMETRY),
    TWO_EXPORTERS(Of.TELEMETRY),
    NO_COUNTER(Of.TELEMETRY),
    /** The counter comes and goes on a GPU that always tells its power. */
    COUNTER_GAPS_WITH_POWER(Of.TELEMETRY),
    NO_PROFILING(Of.TELEMETRY),
    NEW_UUID(Of.TELEMETRY),
    /** Two cards change places, and may do so again. */
    SWAPPED_CARDS(Of.TELEMETRY),
    REPEATED_SCRAPES(Of.TELEMETRY),
    /** Repeats of one instant with other fields: 203 where the first had 1001. */
    REPEATED_WITH_OTHER_FIELDS(Of.TELEMETRY);

    /** Which part of a scenario a kind is about; a scenario has at most one SCHEDULER kind. */
    public enum Of {
        RUN,
        SCHEDULER,
        HOST,
        TELEMETRY
    }

    private final Of of;

    Kind(Of of) {
        this.of = of;
    }

    public Of of() {
        return of;
    }
}
