package io.gpuledger.collectors.dcgm;

import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.collectors.live.CollectorMetrics;
import io.gpuledger.schemas.HostScrapeRecord;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Scrapes exporters until it is closed. Each keeps its own time and its own trouble: one that is
 * down, slow or talks nonsense is asked less often and harms no other. Where an answer is not there
 * when its next scrape is due, that scrape is left out and counted.
 */
public final class DcgmCollector implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DcgmCollector.class);
    private static final String KIND = "dcgm";
    private static final int WORKERS = 2;

    /**
     * How to scrape.
     *
     * @param interval from one scrape of an exporter to the next
     * @param timeout for one answer
     * @param aligned all at once, instead of spread over the interval
     * @param bodyLimit bytes of the longest answer that is taken
     * @param refresh how often the lists of exporters are read again
     * @param bearerToken sent to each exporter
     */
    public record Settings(
            String cluster,
            Duration interval,
            Duration timeout,
            boolean aligned,
            int bodyLimit,
            Duration refresh,
            Optional<String> bearerToken) {

        /** Never the token. */
        @Override
        public String toString() {
            return cluster + " every " + interval;
        }
    }

    /** How an exporter does, for people. */
    public record Health(
            String target, boolean up, long lastSuccessMs, int failures, String lastError) {}

    private final Settings settings;
    private final List<TargetList> lists;
    private final InputSink sink;
    private final CollectorMetrics metrics;
    private final Clock clock;
    private final ScrapeTimes times;
    private final ExecutorService workers;
    private final ScheduledThreadPoolExecutor timers;
    private final HttpClient http;

    /** What each list said last. */
    private final Map<String, List<URI>> named = new HashMap<>();

    private final Map<URI, Scraping> targets = new TreeMap<>();

    public DcgmCollector(
            Settings settings,
            List<TargetList> lists,
            InputSink sink,
            CollectorMetrics metrics,
            Clock clock) {
        this.settings = settings;
        this.lists = List.copyOf(lists);
        this.sink = sink;
        this.metrics = metrics;
        this.clock = clock;
        this.times = new ScrapeTimes(settings.interval().toMillis(), settings.aligned());
        this.workers = Executors.newFixedThreadPool(WORKERS, named("scrape-"));
        this.timers = new ScheduledThreadPoolExecutor(1, named("scrape-times-"));
        timers.setRemoveOnCancelPolicy(true);
        this.http =
                HttpClient.newBuilder()
                        .connectTimeout(settings.timeout())
                        .executor(workers)
                        .build();
    }

    private static ThreadFactory named(String prefix) {
        AtomicInteger n = new AtomicInteger();
        return work -> {
            Thread thread = new Thread(work, prefix + n.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    /**
     * Begins to scrape.
     *
     * @throws TargetException when a list cannot be read at the start: later that is only said
     */
    public void start() throws TargetException {
        for (TargetList list : lists) {
            named.put(list.name(), list.read());
        }
        follow();
        long refresh = settings.refresh().toMillis();
        var unused =
                timers.scheduleAtFixedRate(this::refresh, refresh, refresh, TimeUnit.MILLISECONDS);
    }

    private void refresh() {
        for (TargetList list : lists) {
            try {
                named.put(list.name(), list.read());
                metrics.succeeded(list.name(), clock.millis());
            } catch (TargetException | RuntimeException e) {
                metrics.failed(list.name());
                LOG.warn("{}; going on with what it said last", e.getMessage());
            }
        }
        follow();
    }

    /** Begins with exporters that are new, ends with those that are gone. */
    private synchronized void follow() {
        Set<URI> now = new LinkedHashSet<>();
        named.values().forEach(now::addAll);
        for (URI gone : targets.keySet().stream().filter(t -> !now.contains(t)).toList()) {
            Scraping scraping = targets.remove(gone);
            if (scraping != null) {
                scraping.end();
            }
        }
        for (URI target : now) {
            if (!targets.containsKey(target)) {
                Scraping scraping = new Scraping(target);
                targets.put(target, scraping);
                scraping.plan();
            }
        }
        metrics.sources(targets.size());
    }

    /** All exporters in the order of their addresses. */
    public synchronized List<Health> health() {
        List<Health> all = new ArrayList<>();
        targets.values().forEach(t -> all.add(t.health()));
        return all;
    }

    @Override
    public void close() {
        timers.shutdownNow();
        workers.shutdownNow();
    }

    /** The scraping of one exporter. */
    private final class Scraping {
        private final URI target;
        private final DcgmScraper scraper;
        private boolean ended;
        private boolean asked;
        private int failures;
        private long lastSuccessMs;
        private String lastError = "";

        Scraping(URI target) {
            this.target = target;
            this.scraper =
                    new DcgmScraper(
                            new Exporter(
                                    http,
                                    target,
                                    settings.timeout(),
                                    settings.bodyLimit(),
                                    settings.bearerToken()),
                            new DcgmFileReader.Options(
                                    settings.cluster(), (int) settings.interval().toMillis(), null),
                            clock);
        }

        synchronized void plan() {
            if (ended || timers.isShutdown()) {
                return;
            }
            long now = clock.millis();
            long at = times.after(target, now, failures);
            var unused = timers.schedule(this::due, at - now, TimeUnit.MILLISECONDS);
        }

        /** On the timer's thread: nothing here waits. */
        private synchronized void due() {
            if (ended) {
                return;
            }
            if (asked) {
                metrics.request(KIND, "overrun", Duration.ZERO);
            } else {
                asked = true;
                long began = System.nanoTime();
                var unused =
                        scraper.ask()
                                .whenCompleteAsync(
                                        (page, failed) -> answered(page, failed, began), workers);
            }
            plan();
        }

        private void answered(@Nullable String page, @Nullable Throwable failed, long beganNanos) {
            String outcome;
            try {
                if (page == null) {
                    throw failed == null ? new IllegalStateException("no answer") : failed;
                }
                InputTally tally = new InputTally(settings.cluster(), target.toString(), sink);
                List<HostScrapeRecord> scrapes = scraper.read(page, tally);
                scrapes.forEach(sink::scrape);
                tally.close();
                outcome = "ok";
                worked();
            } catch (Throwable e) {
                Throwable cause =
                        e instanceof CompletionException && e.getCause() != null ? e.getCause() : e;
                outcome = cause instanceof ScrapeException s ? s.kind().label() : "broken";
                broke(String.valueOf(cause.getMessage()));
                if (e instanceof Error error) {
                    throw error;
                }
            } finally {
                synchronized (this) {
                    asked = false;
                }
            }
            metrics.request(KIND, outcome, Duration.ofNanos(System.nanoTime() - beganNanos));
        }

        private synchronized void worked() {
            if (failures > 0) {
                LOG.info("{}: answers again after {} failures", target, failures);
            }
            failures = 0;
            lastSuccessMs = clock.millis();
            if (!ended) {
                metrics.succeeded(target.toString(), lastSuccessMs);
            }
        }

        private synchronized void broke(String why) {
            failures++;
            // Said when it begins and when it changes, not at every scrape.
            if (failures == 1 || !why.equals(lastError)) {
                LOG.warn("{}; trying again", why);
            }
            lastError = why;
            if (!ended) {
                metrics.failed(target.toString());
            }
        }

        private synchronized void end() {
            ended = true;
            metrics.forget(target.toString());
        }

        private synchronized Health health() {
            return new Health(
                    target.toString(),
                    failures == 0 && lastSuccessMs > 0,
                    lastSuccessMs,
                    failures,
                    failures == 0 ? "" : lastError);
        }
    }
}
