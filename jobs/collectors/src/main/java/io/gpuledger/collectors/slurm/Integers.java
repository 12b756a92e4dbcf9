package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;

/** Whole numbers of untrusted text. */
final class Integers {
    private Integers() {}

    static int parse(String s, String where) throws BadRecordException {
        long v = parseLong(s, where);
        if (v > Integer.MAX_VALUE) {
            throw new BadRecordException("BAD_NUMBER", "'" + s + "' in " + where + " is too large");
        }
        return (int) v;
    }

    static long parseLong(String s, String where) throws BadRecordException {
        boolean digits = !s.isEmpty() && s.length() <= 18;
        for (int i = 0; i < s.length() && digits; i++) {
            digits = s.charAt(i) >= '0' && s.charAt(i) <= '9';
        }
        if (!digits) {
            throw new BadRecordException(
                    "BAD_NUMBER", "'" + s + "' in " + where + " is not a whole number");
        }
        return Long.parseLong(s);
    }
}
