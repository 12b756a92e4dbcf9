package io.gpuledger.collectors;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** A server on loopback whose pages do what pages should not. */
final class Web implements AutoCloseable {
    private static final int PART = 1 << 16;
    private static final long DRIP_NS = 20_000_000;

    /** What is answered on a path. */
    interface Page {
        void answer(HttpExchange exchange) throws IOException;
    }

    final AtomicLong written = new AtomicLong();
    final AtomicInteger hungUp = new AtomicInteger();
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    Web() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64);
        server.setExecutor(threads);
        server.start();
    }

    URI at(String path) {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
    }

    Web page(String path, Page page) {
        server.createContext(
                path,
                exchange -> {
                    try (exchange) {
                        page.answer(exchange);
                    }
                });
        return this;
    }

    Web text(String path, int status, String text) {
        return page(path, exchange -> say(exchange, status, text));
    }

    static void say(HttpExchange exchange, int status, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
    }

    /** A body of so many bytes, or until whoever asked has hung up, which is counted. */
    Web large(String path, long bytes) {
        return page(path, exchange -> endless(exchange, bytes, PART, 0));
    }

    /** Some bytes now and then, for ever. */
    Web dripping(String path) {
        return page(path, exchange -> endless(exchange, Long.MAX_VALUE, 16, DRIP_NS));
    }

    private void endless(HttpExchange exchange, long bytes, int part, long pauseNs)
            throws IOException {
        exchange.sendResponseHeaders(200, 0);
        byte[] lines =
                "# and so on and so on\n"
                        .repeat(PART)
                        .substring(0, part)
                        .getBytes(StandardCharsets.UTF_8);
        try (OutputStream out = exchange.getResponseBody()) {
            for (long left = bytes; left > 0; left -= part) {
                out.write(lines);
                out.flush();
                written.addAndGet(part);
                if (pauseNs > 0) {
                    LockSupport.parkNanos(pauseNs);
                }
            }
        } catch (IOException e) {
            hungUp.incrementAndGet();
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
