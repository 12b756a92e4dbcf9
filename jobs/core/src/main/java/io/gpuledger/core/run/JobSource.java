package io.gpuledger.core.run;

/** Who says something of a job, the most trusted first for names and counts. */
public enum JobSource {
    ACCOUNTING,
    CONTROLLER,
    JOBCOMP,
    PROLOG_SLURMCTLD,
    EPILOG_SLURMCTLD,
    PROLOG,
    EPILOG
}
