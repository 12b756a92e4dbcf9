package io.gpuledger.local;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Platform;

/** Where a service belongs to: not to the terminal that happened to start it. */
public final class Terminal {
    private interface Posix extends Library {
        int setsid();
    }

    private Terminal() {}

    /**
     * Leaves the terminal's process group, so that its Ctrl-C reaches the command alone, which then
     * stops what it started. Fails harmlessly when this process leads a group already.
     */
    public static void detach() {
        if (Platform.isLinux() || Platform.isMac()) {
            int session = Native.load("c", Posix.class).setsid();
            System.out.println("session " + session);
        }
    }
}
