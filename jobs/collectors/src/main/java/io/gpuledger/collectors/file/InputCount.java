package io.gpuledger.collectors.file;

import java.util.SortedMap;
import java.util.TreeMap;

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

    /** A file with the content of one that was read: all its records are known. */
    public static InputCount ofCopy(String file, InputCount original) {
        return new InputCount(file, original.read(), 0, original.read(), new TreeMap<>(), 0, 0);
    }

    public boolean balanced() {
        long sum = used + duplicate + deadLettered;
        for (long n : ignored.values()) {
            sum += n;
        }
        return sum == read;
    }
}
