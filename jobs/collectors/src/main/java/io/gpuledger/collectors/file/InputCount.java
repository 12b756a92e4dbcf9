package io.gpuledger.collectors.file;

import java.util.SortedMap;

/**
 * What became of the records of one file: read = used + duplicate + ignored + dead-lettered.
 * Dropped fields are counted apart, they are no records.
 */
public record InputCount(
        String file,
        long read,
        long used,
        long duplicate,
        SortedMap<String, Long> ignored,
        long deadLettered,
        long droppedFields) {

    public boolean balanced() {
        long sum = used + duplicate + deadLettered;
        for (long n : ignored.values()) {
            sum += n;
        }
        return sum == read;
    }
}
