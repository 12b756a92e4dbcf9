package io.gpuledger.collectors.dcgm;

import io.gpuledger.core.InputLimits;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The DCGM fields that are kept, by numeric id, with all names they were seen under. */
public enum DcgmField {
    GPU_TEMP(150, Unit.COUNT, "DCGM_FI_DEV_GPU_TEMP", "dcgm_gpu_temp"),
    POWER_USAGE(155, Unit.MILLIWATT, "DCGM_FI_DEV_POWER_USAGE", "dcgm_power_usage"),
    TOTAL_ENERGY_CONSUMPTION(
            156,
            Unit.MILLIJOULE,
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
            "dcgm_total_energy_consumption"),
    GPU_UTIL(203, Unit.PERCENT_TO_PPM, "DCGM_FI_DEV_GPU_UTIL", "dcgm_gpu_utilization"),
    XID_ERRORS(230, Unit.COUNT, "DCGM_FI_DEV_XID_ERRORS", "dcgm_xid_errors"),
    FB_TOTAL(250, Unit.MIB, "DCGM_FI_DEV_FB_TOTAL", "dcgm_fb_total"),
    FB_FREE(251, Unit.MIB, "DCGM_FI_DEV_FB_FREE", "dcgm_fb_free"),
    FB_USED(252, Unit.MIB, "DCGM_FI_DEV_FB_USED", "dcgm_fb_used"),
    GR_ENGINE_ACTIVE(
            1001, Unit.RATIO_TO_PPM, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "dcgm_gr_engine_active"),
    SM_ACTIVE(1002, Unit.RATIO_TO_PPM, "DCGM_FI_PROF_SM_ACTIVE", "dcgm_sm_active"),
    PIPE_TENSOR_ACTIVE(
            1004, Unit.RATIO_TO_PPM, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "dcgm_pipe_tensor_active"),
    DRAM_ACTIVE(1005, Unit.RATIO_TO_PPM, "DCGM_FI_PROF_DRAM_ACTIVE", "dcgm_dram_active");

    /** What is stored, and the power of ten from what is read. */
    public enum Unit {
        COUNT(0),
        MIB(0),
        MILLIJOULE(0),
        MILLIWATT(3),
        PERCENT_TO_PPM(4),
        RATIO_TO_PPM(6);

        private final int shift;

        Unit(int shift) {
            this.shift = shift;
        }
    }

    /**
     * DCGM marks what it does not know with 0x7ffffff0 and up (32 bits), 2^47 (floating point) or
     * 0x7ffffffffffffff0 and up (64 bits), and these come rounded, up or down, by what wrote them.
     * No field but the energy counter has values near the first.
     */
    private static final long BLANK_32 = InputLimits.BLANK_32;

    private static final long BLANK_FLOAT = InputLimits.BLANK_FLOAT;

    private static final BigDecimal LARGEST = BigDecimal.valueOf(Long.MAX_VALUE);

    /** A ratio of two counters read one after the other may be a little more than one. */
    private static final long ROUNDING_PPM = 10;

    private static final int PLAIN_DIGITS = 15;

    private static final long[] POWERS = new long[PLAIN_DIGITS + 2];

    static {
        POWERS[0] = 1;
        for (int i = 1; i < POWERS.length; i++) {
            POWERS[i] = POWERS[i - 1] * 10;
        }
    }

    private static final long FULL_PPM = InputLimits.FULL_PPM;
    private static final Map<String, DcgmField> BY_NAME = new HashMap<>();

    static {
        for (DcgmField f : values()) {
            for (String n : List.of(f.name, f.legacyName, f.name.toLowerCase(Locale.ROOT))) {
                BY_NAME.put(n, f);
                // OpenMetrics ends the name of a counter so.
                BY_NAME.put(n + "_total", f);
            }
        }
    }

    private final int id;
    private final Unit unit;
    private final String name;
    private final String legacyName;

    DcgmField(int id, Unit unit, String name, String legacyName) {
        this.id = id;
        this.unit = unit;
        this.name = name;
        this.legacyName = legacyName;
    }

    public int id() {
        return id;
    }

    public Unit unit() {
        return unit;
    }

    public static @Nullable DcgmField byName(String name) {
        return BY_NAME.get(name);
    }

    /** Every name of every field. */
    static java.util.SortedSet<String> names() {
        return new java.util.TreeSet<>(BY_NAME.keySet());
    }

    static boolean isDcgm(String metric) {
        return metric.startsWith("DCGM_FI_") || metric.startsWith("dcgm_");
    }

    static boolean isBlank(BigDecimal read) {
        return read.signum() < 0 || read.compareTo(BigDecimal.valueOf(BLANK_32)) >= 0;
    }

    /** The stored value, or null when it is blank or out of range. */
    @Nullable Long stored(BigDecimal read) {
        if (read.signum() < 0 || read.compareTo(LARGEST) >= 0) {
            return null;
        }
        if (read.longValue() >= blank()) {
            return null;
        }
        return inRange(
                read.movePointRight(unit.shift).setScale(0, RoundingMode.HALF_EVEN).longValue());
    }

    private long blank() {
        return unit == Unit.MILLIJOULE ? BLANK_FLOAT : BLANK_32;
    }

    private @Nullable Long inRange(long v) {
        boolean ratio = unit == Unit.PERCENT_TO_PPM || unit == Unit.RATIO_TO_PPM;
        if (!ratio || v <= FULL_PPM) {
            return v;
        }
        return v <= FULL_PPM + ROUNDING_PPM ? FULL_PPM : null;
    }

    /**
     * The same for the plain decimals that exporters write, without a number object for each; -1
     * where the text is anything else or the value needs a closer look.
     */
    long storedPlain(String text) {
        if (text.length() > PLAIN_DIGITS + 1) {
            return -1;
        }
        long digits = 0;
        int fraction = -1;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= '0' && c <= '9') {
                digits = digits * 10 + (c - '0');
                fraction += fraction >= 0 ? 1 : 0;
            } else if (c == '.' && fraction < 0 && i > 0) {
                fraction = 0;
            } else {
                return -1;
            }
        }
        if (text.isEmpty() || text.length() - Math.min(1, fraction + 1) > PLAIN_DIGITS) {
            return -1;
        }
        return scaled(digits, Math.max(0, fraction));
    }

    private long scaled(long digits, int fraction) {
        if (digits / POWERS[fraction] >= blank()) {
            return -1;
        }
        int up = unit.shift - fraction;
        long v = up >= 0 ? digits * POWERS[up] : roundedHalfEven(digits, POWERS[-up]);
        Long checked = up > 0 && digits > Long.MAX_VALUE / POWERS[up] ? null : inRange(v);
        return checked == null ? -1 : checked;
    }

    private static long roundedHalfEven(long digits, long by) {
        long quotient = digits / by;
        long twice = 2 * (digits % by);
        boolean up = twice > by || (twice == by && quotient % 2 == 1);
        return up ? quotient + 1 : quotient;
    }
}
