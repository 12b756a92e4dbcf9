package io.gpuledger.benchmarks;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Encodes scrapes of one host as ClickHouse reads them fastest: RowBinary, a row per GPU. */
final class ClickHouseRows {
    /** The columns, in the order of the bytes. Less than the ledger reads: no UUID, no power. */
    static final String COLUMNS =
            "host String, gpu UInt8, at_ms Int64, active UInt32, sm_active UInt32, tensor_active UInt32,"
                    + " dram_active UInt32, memory UInt32, energy UInt64";

    /** Positions among the encoder's fields of the five columns before the energy. */
    private static final int[] VALUES = {0, 2, 3, 4, 5};

    private final byte[] host;
    private final ByteBuffer out = ByteBuffer.allocate(64 * 1024).order(ByteOrder.LITTLE_ENDIAN);

    ClickHouseRows(String host) {
        this.host = host.getBytes(StandardCharsets.UTF_8);
    }

    byte[] encode(Readings readings) {
        out.clear();
        for (int gpu = 0; gpu < SimulatedCluster.GPUS_PER_HOST; gpu++) {
            out.put((byte) host.length).put(host).put((byte) gpu).putLong(readings.atMs());
            for (int field : VALUES) {
                out.putInt((int) readings.value(gpu, field));
            }
            out.putLong(readings.value(gpu, Readings.ENERGY));
        }
        byte[] bytes = new byte[out.position()];
        out.flip().get(bytes);
        return bytes;
    }
}
