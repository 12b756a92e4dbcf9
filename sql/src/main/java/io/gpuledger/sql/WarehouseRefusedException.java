package io.gpuledger.sql;

/** ClickHouse answered, but not with what was asked: wrong database, rights or statement. */
public final class WarehouseRefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public WarehouseRefusedException(String message) {
        super(message);
    }
}
