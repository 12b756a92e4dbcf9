package io.gpuledger.collectors.live;

import io.javalin.Javalin;
import io.javalin.http.Context;
import io.javalin.http.HttpStatus;
import io.javalin.util.JavalinBindException;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.eclipse.jetty.server.Request;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a collector answers to: {@code /metrics} and {@code /healthz} for whoever watches it, and
 * receivers for those who send. Away from loopback a receiver takes nothing without the token.
 */
public final class CollectorServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CollectorServer.class);
    private static final int PART = 1 << 16;

    /** Bodies of the largest size that are held at the same time; small ones are many. */
    private static final int LARGE_AT_ONCE = 4;

    /**
     * Receivers wait for Kafka. With Kafka away they must not take the threads that answer whoever
     * asks how we are.
     */
    private static final int AT_ONCE = 64;

    private static final long PATIENCE_MS = 2_000;

    /** Takes what was sent; when it returns, the records are in Kafka. */
    public interface Receiver {
        /**
         * Takes one body.
         *
         * @param from the sender's address
         * @throws BadRequest when the body can never be read: sent again it would not be better
         * @throws Busy when it should be sent again later
         */
        void take(byte[] body, String from) throws BadRequest, Busy, InterruptedException;
    }

    /** A body that can never be read. */
    public static final class BadRequest extends Exception {
        private static final long serialVersionUID = 1L;

        public BadRequest(String message) {
            super(message);
        }
    }

    /** The sender should try again. */
    public static final class Busy extends Exception {
        private static final long serialVersionUID = 1L;

        public Busy(String message) {
            super(message);
        }
    }

    /** The body is longer than it may be. */
    private static final class TooLarge extends Exception {
        private static final long serialVersionUID = 1L;

        TooLarge(int limit) {
            super("body of more than %d bytes; send less at once".formatted(limit));
        }
    }

    private final CollectorMetrics metrics;
    private final Optional<AccessToken> token;
    private final int bodyLimit;
    private final Semaphore room;
    private final Semaphore turns = new Semaphore(AT_ONCE);
    private final Javalin app;

    private CollectorServer(CollectorMetrics metrics, Optional<AccessToken> token, int bodyLimit) {
        this.metrics = metrics;
        this.token = token;
        this.bodyLimit = bodyLimit;
        this.room = new Semaphore(LARGE_AT_ONCE * bodyLimit);
        this.app =
                Javalin.create(
                        config -> {
                            config.showJavalinBanner = false;
                            config.startupWatcherEnabled = false;
                            config.useVirtualThreads = false;
                        });
    }

    /**
     * A server that does not listen yet.
     *
     * @param listen the address it will listen on
     * @param token what receivers ask for
     * @param bodyLimit bytes of the largest body that is taken
     * @throws IOException where it would listen beyond loopback without a token
     */
    public static CollectorServer on(
            InetSocketAddress listen,
            CollectorMetrics metrics,
            Optional<AccessToken> token,
            int bodyLimit)
            throws IOException {
        InetAddress address = listen.getAddress();
        if (address == null) {
            throw new IOException(
                    "address %s is unknown; give one of this machine".formatted(listen));
        }
        if (!address.isLoopbackAddress() && token.isEmpty()) {
            throw new IOException(
                    "%s is not loopback: whoever reaches it could send usage; give a token file"
                            .formatted(listen.getHostString()));
        }
        CollectorServer server = new CollectorServer(metrics, token, bodyLimit);
        server.app.get("/metrics", server::metrics);
        return server;
    }

    /** Whether all is well, and a sentence for each thing that is not. */
    public CollectorServer health(Supplier<Map<String, String>> troubles) {
        app.get(
                "/healthz",
                context -> {
                    Map<String, String> now = troubles.get();
                    StringBuilder text = new StringBuilder(now.isEmpty() ? "ok\n" : "");
                    now.forEach(
                            (what, why) -> text.append(what).append(": ").append(why).append('\n'));
                    context.status(now.isEmpty() ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
                    context.contentType("text/plain; charset=utf-8").result(text.toString());
                });
        return this;
    }

    /**
     * Takes posts to a path.
     *
     * @param kind the kind of sender, for metrics
     */
    public CollectorServer receive(String path, String kind, Receiver receiver) {
        app.post(path, context -> receive(context, kind, receiver));
        return this;
    }

    /** Listens from here on. */
    public CollectorServer start(InetSocketAddress listen) throws IOException {
        try {
            app.start(listen.getAddress().getHostAddress(), listen.getPort());
        } catch (JavalinBindException e) {
            throw new IOException(
                    "port %d of %s is taken; give another one"
                            .formatted(listen.getPort(), listen.getHostString()),
                    e);
        }
        return this;
    }

    /** The port it listens on. */
    public int port() {
        return app.port();
    }

    @Override
    public void close() {
        app.stop();
    }

    private void metrics(Context context) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrometheusTextFormatWriter.create().write(out, metrics.registry().scrape());
        context.contentType(PrometheusTextFormatWriter.CONTENT_TYPE).result(out.toByteArray());
    }

    private void receive(Context context, String kind, Receiver receiver)
            throws InterruptedException {
        long began = System.nanoTime();
        String outcome;
        if (token.isPresent() && !token.get().isShownBy(context.header("Authorization"))) {
            outcome = "unauthorized";
            context.header("WWW-Authenticate", "Bearer");
            answer(context, HttpStatus.UNAUTHORIZED.getCode(), "show the token of the token file");
        } else {
            outcome = take(context, kind, receiver);
        }
        metrics.request(kind, outcome, Duration.ofNanos(System.nanoTime() - began));
    }

    private String take(Context context, String kind, Receiver receiver)
            throws InterruptedException {
        if (!turns.tryAcquire(PATIENCE_MS, TimeUnit.MILLISECONDS)) {
            return busy(context, "too much is sent at once; send it again");
        }
        AtomicInteger held = new AtomicInteger();
        try {
            receiver.take(body(context, held), context.ip());
            // Not 204: jobcomp/elasticsearch sends again, for ever, what is not answered by 200 or
            // 201.
            context.status(HttpStatus.OK);
            return "ok";
        } catch (BadRequest e) {
            LOG.warn("{} from {} cannot be read: {}", kind, context.ip(), e.getMessage());
            answer(context, HttpStatus.BAD_REQUEST.getCode(), String.valueOf(e.getMessage()));
            return "bad_request";
        } catch (TooLarge e) {
            LOG.warn("{} from {}: {}", kind, context.ip(), e.getMessage());
            context.header("Connection", "close");
            answer(context, HttpStatus.CONTENT_TOO_LARGE.getCode(), String.valueOf(e.getMessage()));
            hangUp(context);
            return "too_large";
        } catch (Busy e) {
            return busy(context, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            // The sender went away in the middle of its body; nobody reads an answer.
            answer(context, HttpStatus.BAD_REQUEST.getCode(), "the body did not come whole");
            return "torn";
        } catch (RuntimeException e) {
            LOG.error("{} from {} broke its receiver", kind, context.ip(), e);
            answer(
                    context,
                    HttpStatus.INTERNAL_SERVER_ERROR.getCode(),
                    "the collector failed; see its log");
            return "broken";
        } finally {
            room.release(held.get());
            turns.release();
        }
    }

    /** Jetty would read on for as long as something comes. */
    private static void hangUp(Context context) {
        Request request = Request.getBaseRequest(context.req());
        try (InputStream text = context.resultInputStream()) {
            if (text != null) {
                text.transferTo(context.res().getOutputStream());
            }
            context.res().flushBuffer();
        } catch (IOException e) {
            LOG.debug("the answer did not reach {}", context.ip(), e);
        }
        context.result(InputStream.nullInputStream());
        if (request != null) {
            request.getHttpChannel().getEndPoint().close();
        }
    }

    private static String busy(Context context, String why) {
        context.header("Connection", "close");
        answer(context, HttpStatus.SERVICE_UNAVAILABLE.getCode(), why);
        return "busy";
    }

    /** Part by part: a chunked body does not say how long it will be, and a length may be a lie. */
    private byte[] body(Context context, AtomicInteger held) throws IOException, TooLarge, Busy {
        if (context.req().getContentLengthLong() > bodyLimit) {
            throw new TooLarge(bodyLimit);
        }
        InputStream in = context.req().getInputStream();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        byte[] part = new byte[PART];
        for (int n = in.read(part); n >= 0; n = in.read(part)) {
            if (body.size() + n > bodyLimit) {
                throw new TooLarge(bodyLimit);
            }
            if (!room.tryAcquire(n)) {
                throw new Busy("too much is sent at once; send it again");
            }
            held.addAndGet(n);
            body.write(part, 0, n);
        }
        return body.toByteArray();
    }

    private static void answer(Context context, int status, String text) {
        context.status(status)
                .contentType("text/plain; charset=utf-8")
                .result((text + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
