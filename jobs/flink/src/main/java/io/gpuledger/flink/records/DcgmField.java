package io.gpuledger.flink.records;

/** Numbers of the DCGM fields that are used. */
public final class DcgmField {
    public static final int ENGINE = 1001;
    public static final int UTILISATION = 203;
    public static final int SM = 1002;
    public static final int TENSOR = 1004;
    public static final int DRAM = 1005;
    public static final int MEMORY_MIB = 252;
    public static final int ENERGY_MJ = 156;
    public static final int POWER_MW = 155;
    public static final int XID = 230;

    private DcgmField() {}
}
