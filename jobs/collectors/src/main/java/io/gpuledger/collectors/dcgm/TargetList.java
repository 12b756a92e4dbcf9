package io.gpuledger.collectors.dcgm;

import java.net.URI;
import java.util.List;

/** Where exporters are named; read again from time to time. */
public interface TargetList {
    /** What people call it. */
    String name();

    /**
     * All exporters that it names now.
     *
     * @throws TargetException when it cannot be read whole; who asks goes on with what it said last
     */
    List<URI> read() throws TargetException;
}
