package io.gpuledger.collectors.slurm;

import org.jspecify.annotations.Nullable;

/** Job ids as Slurm prints them: 15_8 is a task of an array, 16+1 a part of a het job. */
final class JobIds {
    private JobIds() {}

    static String shown(
            long raw,
            @Nullable Long array,
            @Nullable Long task,
            @Nullable Long het,
            @Nullable Long offset) {
        if (array != null && array > 0 && task != null) {
            return array + "_" + task;
        }
        if (het != null && het > 0 && offset != null) {
            return het + "+" + offset;
        }
        return Long.toString(raw);
    }

    /** The waiting tasks of an array are one record, under the array's own id. */
    static String waitingTasks(String array, String tasks) {
        return array + "_[" + tasks + "]";
    }
}
