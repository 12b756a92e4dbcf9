package io.gpuledger.attribution;

import java.io.Serializable;

/** A registry as it was applied: wire form and broadcast state. Public and flat. */
public final class RegistryState implements Serializable {
    private static final long serialVersionUID = 1L;

    /** 0: none was applied. */
    public long version;

    /** Canonical text, empty for none. */
    public String text = "";

    public RegistryState() {}

    public RegistryState(long version, String text) {
        this.version = version;
        this.text = text;
    }

    /** Of a site without a registry: everything is unmapped. */
    public static RegistryState none() {
        return new RegistryState();
    }
}
