package io.gpuledger.collectors.file;

import io.gpuledger.schemas.DeadLetterRecord;
import java.util.SortedMap;
import java.util.TreeMap;

/** Counts the records of one file while it is read. */
public final class InputTally {
    private static final int PAYLOAD_LIMIT = 4096;
    private static final int DETAIL_LIMIT = 500;

    private final String cluster;
    private final String file;
    private final InputSink sink;
    private final SortedMap<String, Long> ignored = new TreeMap<>();
    private long read;
    private long used;
    private long duplicate;
    private long deadLettered;
    private long droppedFields;

    public InputTally(String cluster, String file, InputSink sink) {
        this.cluster = cluster;
        this.file = file;
        this.sink = sink;
    }

    public void used() {
        used(1);
    }

    public void used(long records) {
        read += records;
        used += records;
    }

    public void duplicate() {
        duplicate(1);
    }

    public void duplicate(long records) {
        read += records;
        duplicate += records;
    }

    public void ignored(String reason) {
        read++;
        ignored.merge(reason, 1L, Long::sum);
    }

    public void droppedField() {
        droppedFields++;
    }

    public void deadLetter(String reason, String detail, long position, String payload) {
        read++;
        deadLettered++;
        DeadLetterRecord r = new DeadLetterRecord();
        r.setCluster(cluster);
        r.setRecordedAtMs(System.currentTimeMillis());
        r.setReason(reason);
        r.setDetail(cut(detail, DETAIL_LIMIT));
        r.setSource(file);
        r.setPartition(-1);
        r.setPosition(position);
        r.setPayload(cut(payload, PAYLOAD_LIMIT));
        sink.deadLetter(r);
    }

    /** Never between the halves of a character: the rest must still be text. */
    private static String cut(String text, int limit) {
        if (text.length() <= limit) {
            return text;
        }
        int end = Character.isHighSurrogate(text.charAt(limit - 1)) ? limit - 1 : limit;
        return text.substring(0, end);
    }

    public long deadLettersSoFar() {
        return deadLettered;
    }

    /** Used or a duplicate of one that was. */
    public long usableSoFar() {
        return used + duplicate;
    }

    public void close() {
        sink.count(
                new InputCount(
                        file,
                        read,
                        used,
                        duplicate,
                        new TreeMap<>(ignored),
                        deadLettered,
                        droppedFields));
    }
}
