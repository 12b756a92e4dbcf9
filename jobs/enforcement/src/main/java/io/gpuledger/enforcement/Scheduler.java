package io.gpuledger.enforcement;

import io.gpuledger.core.enforcement.Association;
import io.gpuledger.core.enforcement.Limits;
import java.util.List;
import java.util.Map;

/** The associations of one cluster and what can be done to them. */
public interface Scheduler {
    /** The limits of every association, those of a partition apart. */
    Map<Association, Limits> limits() throws SchedulerException, InterruptedException;

    /** The command that makes the limits so, for people and for {@link #run}. */
    List<String> commandFor(Association association, Limits before, Limits after);

    /** Ids of GPU jobs of an association that wait or run. */
    List<String> gpuJobs(Association association) throws SchedulerException, InterruptedException;

    /** The command that cancels jobs. */
    List<String> cancelCommand(List<String> jobIds);

    /** Runs a command of this scheduler. */
    void run(List<String> command) throws SchedulerException, InterruptedException;
}
