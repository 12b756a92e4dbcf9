package io.gpuledger.collectors.dcgm;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.HashMap;
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

    private static final BigDecimal BLANK_64 = new BigDecimal("9223372036854775792");
    private static final BigDecimal BLANK_32 = new BigDecimal("2147483632");
    private static final long FULL_PPM = 1_000_000;
    private static final Map<String, DcgmField> BY_NAME = new HashMap<>();

    static {
        for (DcgmField f : values()) {
            BY_NAME.put(f.name, f);
            BY_NAME.put(f.legacyName, f);
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

    /** The stored value, or null when it is blank or out of range. */
    @Nullable Long stored(BigDecimal read) {
        // A 32-bit blank is a possible value of the energy counter only.
        BigDecimal blank = unit == Unit.MILLIJOULE ? BLANK_64 : BLANK_32;
        if (read.signum() < 0 || read.compareTo(blank) >= 0) {
            return null;
        }
        long v = read.movePointRight(unit.shift).setScale(0, RoundingMode.HALF_EVEN).longValue();
        boolean ratio = unit == Unit.PERCENT_TO_PPM || unit == Unit.RATIO_TO_PPM;
        return ratio && v > FULL_PPM ? null : v;
    }
}
