package io.gpuledger.testkit;

import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Instance;
import io.gpuledger.testkit.Scenario.Reading;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What the exporters of one host said. */
final class Telemetry {
    static final int ACTIVE = 1001;
    static final int GPU_UTIL = 203;
    static final int POWER = 155;
    static final int ENERGY = 156;
    static final int MEMORY_USED = 252;

    private final Dice dice;
    private final Set<Kind> kinds;
    private final Kind hostKind;
    private final Host host;
    private final long fromMs;
    private final long toMs;

    /** An exporter may give rows of the instances only; each then repeats the card's energy. */
    private final boolean cardRows;

    private final Map<Integer, Card> cards = new HashMap<>();

    Telemetry(Dice dice, Set<Kind> kinds, Kind hostKind, Host host, long fromMs, long toMs) {
        this.dice = dice;
        this.kinds = kinds;
        this.hostKind = hostKind;
        this.host = host;
        this.fromMs = fromMs;
        this.toMs = toMs;
        this.cardRows = hostKind != Kind.MIG_MAPPED_INSTANCE_ROWS || dice.chance(50);
    }

    /** The card itself: it draws power whether or not anybody looks. */
    private static final class Card {
        String uuid;
        long atMs;
        long counterMj;
        long resetAtMs = Long.MAX_VALUE;
        long replacedAtMs = Long.MAX_VALUE;
        String nextUuid = "";

        Card(String uuid, long atMs, long counterMj) {
            this.uuid = uuid;
            this.atMs = atMs;
            this.counterMj = counterMj;
        }
    }

    static String uuid(String host, int card) {
        return "GPU-" + host + "-" + card;
    }

    private record Scrape(String exporter, long atMs, int intervalMs, List<Integer> fields) {}

    List<Reading> readings() {
        if (has(Kind.NO_TELEMETRY) || (kinds.size() == 1 && dice.chance(5))) {
            return List.of();
        }
        for (int i = 0; i < host.cards(); i++) {
            Card card =
                    new Card(
                            uuid(host.name(), i),
                            fromMs,
                            dice.between(1_000_000L, 9_000_000_000_000L));
            if (has(Kind.COUNTER_RESET) && dice.chance(60)) {
                card.resetAtMs = dice.between(fromMs, toMs);
            }
            if (has(Kind.NEW_UUID) && dice.chance(50)) {
                card.replacedAtMs = dice.between(fromMs, toMs);
                card.nextUuid = card.uuid + "-new";
            }
            cards.put(i, card);
        }
        // Where the inventory says which card is where, a card takes its slot along.
        boolean swaps = has(Kind.SWAPPED_CARDS) && host.cards() > 1 && !host.inventoryTellsUuids();
        long swapAtMs = swaps ? dice.between(fromMs, toMs) : Long.MAX_VALUE;
        List<Reading> readings = new ArrayList<>();
        for (Scrape scrape : scrapes()) {
            if (scrape.atMs() >= swapAtMs) {
                swap();
                swapAtMs = dice.chance(50) ? dice.between(swapAtMs, toMs) : Long.MAX_VALUE;
            }
            for (int i = 0; i < host.cards(); i++) {
                Card card = cards.get(i);
                if (card != null) {
                    readings.addAll(read(scrape, i, card));
                }
            }
        }
        return readings;
    }

    private void swap() {
        int one = dice.between(0, host.cards() - 2);
        int other = dice.between(one + 1, host.cards() - 1);
        Card moved = Objects.requireNonNull(cards.get(one), "every card is there");
        cards.put(one, Objects.requireNonNull(cards.get(other), "every card is there"));
        cards.put(other, moved);
    }

    private boolean has(Kind kind) {
        return kinds.contains(kind);
    }

    /** In order of time, no instant twice. */
    private List<Scrape> scrapes() {
        TreeMap<Long, Scrape> byTime = new TreeMap<>();
        int interval = dice.chance(50) ? 10_000 : 30_000;
        series(byTime, "main", interval, fields());
        if (has(Kind.TWO_EXPORTERS)) {
            boolean counter = !has(Kind.NO_COUNTER) && !has(Kind.COUNTER_GAPS_WITH_POWER);
            List<Integer> others =
                    !counter
                            ? List.of(MEMORY_USED)
                            : dice.of(
                                    List.of(
                                            List.of(GPU_UTIL, ENERGY),
                                            List.of(MEMORY_USED),
                                            List.of(ACTIVE, ENERGY),
                                            List.of(ENERGY)));
            series(byTime, "second", dice.chance(70) ? interval : 15_000, others);
        }
        return List.copyOf(byTime.values());
    }

    private void series(
            Map<Long, Scrape> byTime, String exporter, int interval, List<Integer> fields) {
        boolean steady = dice.chance(40);
        long outageFrom = dice.between(fromMs, toMs);
        long outageTo = outageFrom + dice.between(0, 4 * interval);
        for (long at = fromMs + dice.between(0, interval - 1); at <= toMs; at += interval) {
            long instant = at + (steady ? 0 : dice.between(0, 60));
            boolean missing =
                    has(Kind.MISSING_SCRAPES)
                            && (dice.chance(15) || (outageFrom <= at && at < outageTo));
            if (!missing && instant <= toMs) {
                byTime.putIfAbsent(instant, new Scrape(exporter, instant, interval, fields));
            }
        }
    }

    private List<Integer> fields() {
        if (has(Kind.NO_COUNTER)) {
            return List.of(ACTIVE, POWER);
        }
        if (has(Kind.COUNTER_GAPS_WITH_POWER)) {
            return List.of(ACTIVE, POWER, ENERGY);
        }
        if (has(Kind.NO_PROFILING)) {
            return List.of(GPU_UTIL, ENERGY, MEMORY_USED);
        }
        if (has(Kind.BLANK_FIELDS) || has(Kind.REPEATED_WITH_OTHER_FIELDS)) {
            return List.of(ACTIVE, GPU_UTIL, ENERGY, MEMORY_USED);
        }
        return List.of(ACTIVE, ENERGY);
    }

    private List<Reading> read(Scrape scrape, int index, Card card) {
        advance(card, scrape.atMs());
        Map<Integer, @Nullable Long> values = new LinkedHashMap<>();
        for (int field : scrape.fields()) {
            values.put(field, value(field, card));
        }
        List<Reading> readings = new ArrayList<>();
        if (cardRows) {
            readings.add(reading(scrape, index, -1, card.uuid, values));
        }
        if (hostKind == Kind.MIG_MAPPED_INSTANCE_ROWS) {
            for (Instance instance : host.instances()) {
                if (instance.card() == index) {
                    Map<Integer, @Nullable Long> own = new LinkedHashMap<>(values);
                    if (own.containsKey(ACTIVE)) {
                        own.put(ACTIVE, activity());
                    }
                    readings.add(reading(scrape, index, instance.id(), card.uuid, own));
                }
            }
        }
        if (cardRows && has(Kind.REPEATED_SCRAPES) && dice.chance(30)) {
            Map<Integer, @Nullable Long> fewer = new LinkedHashMap<>(values);
            fewer.replaceAll(
                    (field, v) -> v == null || dice.chance(30) ? null : dice.between(v / 2, v));
            readings.add(reading(scrape, index, -1, card.uuid, fewer));
        }
        if (cardRows && has(Kind.REPEATED_WITH_OTHER_FIELDS) && dice.chance(30)) {
            Map<Integer, @Nullable Long> other = new LinkedHashMap<>();
            other.put(GPU_UTIL, dice.between(0, 100) * 10_000L);
            readings.add(reading(scrape, index, -1, card.uuid, other));
        }
        return readings;
    }

    private static Reading reading(
            Scrape scrape,
            int card,
            int instance,
            String uuid,
            Map<Integer, @Nullable Long> values) {
        return new Reading(
                scrape.exporter(),
                scrape.atMs(),
                scrape.intervalMs(),
                card,
                instance,
                uuid,
                values);
    }

    private void advance(Card card, long atMs) {
        if (atMs >= card.replacedAtMs) {
            card.uuid = card.nextUuid;
            card.replacedAtMs = Long.MAX_VALUE;
            card.counterMj = dice.between(0L, 9_000_000_000L);
        }
        if (atMs >= card.resetAtMs) {
            card.resetAtMs = Long.MAX_VALUE;
            card.counterMj = 0;
            card.atMs = atMs - dice.between(0L, Math.min(500, atMs - card.atMs));
        }
        long watts = dice.chance(10) ? 0 : dice.between(60, 700);
        card.counterMj += watts * (atMs - card.atMs);
        card.atMs = atMs;
    }

    private @Nullable Long value(int field, Card card) {
        if (has(Kind.BLANK_FIELDS) && dice.chance(15)) {
            return null;
        }
        return switch (field) {
            case ACTIVE -> activity();
            case GPU_UTIL -> dice.between(0, 100) * 10_000L;
            case ENERGY ->
                    has(Kind.COUNTER_GAPS_WITH_POWER) && dice.chance(25) ? null : card.counterMj;
            case POWER -> dice.between(60_000L, 700_000);
            case MEMORY_USED -> dice.between(0L, 80_000);
            default -> throw new IllegalArgumentException("no value for field " + field);
        };
    }

    private long activity() {
        return dice.chance(40)
                ? dice.of(List.of(0L, 9_999L, 10_000L, 10_001L))
                : dice.between(0L, 1_000_000);
    }
}
