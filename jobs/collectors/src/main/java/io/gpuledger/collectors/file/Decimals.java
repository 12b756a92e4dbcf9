package io.gpuledger.collectors.file;

import java.math.BigDecimal;

/** Decimal numbers of untrusted text. */
public final class Decimals {
    private static final int LENGTH_LIMIT = 60;

    /**
     * A dozen characters can name a number of a billion digits, and the first arithmetic on it
     * writes them out.
     */
    private static final int SCALE_LIMIT = 400;

    private Decimals() {}

    public static BigDecimal parse(String text, String where) throws BadRecordException {
        if (text.length() <= LENGTH_LIMIT) {
            BigDecimal v;
            try {
                v = new BigDecimal(text);
            } catch (NumberFormatException e) {
                throw new BadRecordException(
                        "BAD_NUMBER", "'" + text + "' in " + where + " is not a number", e);
            }
            if (Math.abs((long) v.scale()) <= SCALE_LIMIT) {
                return v;
            }
        }
        throw new BadRecordException("BAD_NUMBER", "'" + text + "' in " + where + " is absurd");
    }
}
