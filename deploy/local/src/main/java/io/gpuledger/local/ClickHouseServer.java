package io.gpuledger.local;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A ClickHouse server in this process: the engine of the chDB library, listening for HTTP on
 * loopback. The JVM is given up to it, so it runs as a child of its own.
 *
 * <p>Arguments: library file, data directory, HTTP port, native port.
 */
public final class ClickHouseServer {
    /** The part of chdb.h that is needed. */
    private interface Chdb extends Library {
        @Nullable Pointer chdb_query_cmdline(int argc, String[] argv);

        @Nullable String chdb_result_error(Pointer result);
    }

    /**
     * The engine's threads run on while a JVM ends and crash on what its exit takes away from them,
     * so this process ends without. What was acknowledged is in files by then.
     */
    private interface Libc extends Library {
        void _exit(int status);
    }

    /** As a shell reports one that was ended by SIGTERM. */
    private static final int TERMINATED = 143;

    private static final int FAILED = 1;

    private ClickHouseServer() {}

    public static void main(String[] args) throws IOException {
        if (args.length != 4) {
            throw new IllegalArgumentException(
                    "usage: ClickHouseServer LIBRARY DATA_DIRECTORY HTTP_PORT NATIVE_PORT");
        }
        Terminal.detach();
        ServiceLog.bound();
        Path data = Path.of(args[1]).toAbsolutePath();
        Files.createDirectories(data);
        Path config = data.resolve("config.xml");
        Files.writeString(
                config, configuration(Integer.parseInt(args[2]), Integer.parseInt(args[3])));
        Chdb chdb = Native.load(args[0], Chdb.class);
        // The engine is a `clickhouse local` that starts its listeners and then never finishes its
        // query.
        String[] argv = {
            "clickhouse",
            "--path=" + data.resolve("store"),
            "--config-file=" + config,
            "--log-level=error",
            "--query=SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP;"
                    + " SELECT sleep(3) FROM system.numbers SETTINGS max_block_size = 1 FORMAT Null"
        };
        Libc libc = Native.load("c", Libc.class);
        Runtime.getRuntime()
                .addShutdownHook(new Thread(() -> libc._exit(TERMINATED), "end-clickhouse"));
        Pointer result = chdb.chdb_query_cmdline(argv.length, argv);
        String error = result == null ? "no answer" : chdb.chdb_result_error(result);
        System.out.println("ClickHouse ended: " + error);
        libc._exit(FAILED);
    }

    private static String configuration(int httpPort, int nativePort) {
        return """
                <clickhouse>
                  <listen_host>127.0.0.1</listen_host>
                  <http_port>%d</http_port>
                  <tcp_port>%d</tcp_port>
                  <logger><level>error</level><console>1</console></logger>
                </clickhouse>
                """
                .formatted(httpPort, nativePort);
    }
}
