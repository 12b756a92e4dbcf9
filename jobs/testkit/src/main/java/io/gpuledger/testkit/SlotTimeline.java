package io.gpuledger.testkit;

import io.gpuledger.testkit.Oracle.Held;
import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Instance;
import io.gpuledger.testkit.Scenario.Reading;
import io.gpuledger.testkit.Scenario.Stretch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/** One slot, a millisecond an array element. */
final class SlotTimeline {
    static final long WINDOW_MS = 60_000;
    private static final long IDLE_PPM = 10_000;
    private static final byte ACTIVITY = 1;
    private static final byte COUNTER = 2;
    private static final byte POWER = 4;
    private static final List<String> BUCKETS =
            List.of("ALLOCATED", "SUSPENDED", "OVERHEAD", "RESERVED", "DOWN", "IDLE", "UNKNOWN");

    /** What the rest of the slot does where nobody holds it; the run only of OVERHEAD. */
    private record Free(String bucket, String runId, Set<String> flags) {}

    /** A holder that may be set in {@link #claimed}. */
    private record Claim(Held held, boolean suspended) {}

    /** A part of the slot between two cumulated shares. */
    private record Share(
            String bucket,
            String runId,
            int instance,
            long before,
            long after,
            long of,
            Set<String> flags) {}

    private final Scenario truth;
    private final Host host;
    private final int card;
    private final long fromMs;

    private final List<Claim> claims = new ArrayList<>();
    private final List<Free> frees = new ArrayList<>();

    /** Per millisecond a bit of each claim that holds. */
    private final long[] claimed;

    /** Per millisecond an element of {@link #frees}. */
    private final byte[] free;

    /** Per millisecond the activity told of it, in millionths; -1 where nothing is. */
    private final int[] activePpm;

    /** Per millisecond what was drawn in it by the energy counter, and by the power. */
    private final int[] countedMj;

    private final int[] powerMj;
    private final boolean[] counterTells;
    private final boolean[] powerTells;

    /** Per millisecond a bit of each field of which a sample begins to speak here. */
    private final byte[] begins;

    SlotTimeline(Scenario truth, Host host, int card, long fromMs, long toMs) {
        this.truth = truth;
        this.host = host;
        this.card = card;
        this.fromMs = fromMs;
        int length = Math.toIntExact(toMs - fromMs);
        claimed = new long[length];
        free = new byte[length];
        activePpm = new int[length];
        Arrays.fill(activePpm, -1);
        countedMj = new int[length];
        powerMj = new int[length];
        counterTells = new boolean[length];
        powerTells = new boolean[length];
        begins = new byte[length];
        frees.add(new Free("UNKNOWN", "", Set.of()));
    }

    static long window(long ms) {
        return Math.floorDiv(ms, WINDOW_MS) * WINDOW_MS;
    }

    /** Later calls beat earlier ones. */
    void free(Stretch stretch, String bucket) {
        fill(stretch, new Free(bucket, "", Set.of()));
    }

    void leaving(Stretch stretch, String runId, Set<String> flags) {
        fill(stretch, new Free("OVERHEAD", runId, flags));
    }

    private void fill(Stretch stretch, Free what) {
        if (!frees.contains(what)) {
            frees.add(what);
        }
        byte code = (byte) frees.indexOf(what);
        for (int i = first(stretch.fromMs()); i < last(stretch.toMs()); i++) {
            free[i] = code;
        }
    }

    private int first(long ms) {
        return (int) Math.min(Math.max(ms - fromMs, 0), claimed.length);
    }

    private int last(long ms) {
        return first(ms);
    }

    void held(Held held) {
        int running = claims.size();
        if (running + 2 > Long.SIZE) {
            throw new IllegalStateException("more than 32 holders of one slot");
        }
        claims.add(new Claim(held, false));
        claims.add(new Claim(held, true));
        for (int i = first(held.part().fromMs()); i < last(held.part().toMs()); i++) {
            claimed[i] |= 1L << running;
        }
        for (Stretch s : held.run().suspensions()) {
            long from = Math.max(s.fromMs(), held.part().fromMs());
            long to = Math.min(s.toMs(), held.part().toMs());
            for (int i = first(from); i < last(to); i++) {
                claimed[i] &= ~(1L << running);
                claimed[i] |= 1L << (running + 1);
            }
        }
    }

    /** Everything said of the card at one instant: the union, the greater value winning. */
    private static final class Sample {
        final long atMs;
        final String uuid;
        long coverMs;
        final Map<Integer, Long> values = new HashMap<>();

        Sample(Reading reading) {
            atMs = reading.atMs();
            uuid = reading.uuid();
        }

        void add(Reading reading) {
            coverMs = Math.max(coverMs, reading.intervalMs() * 3L / 2);
            reading.values()
                    .forEach(
                            (field, value) -> {
                                if (value != null && isOfCard(reading, field)) {
                                    values.merge(field, value, Math::max);
                                }
                            });
        }

        /** The energy and power that a row of an instance shows are those of its card. */
        private static boolean isOfCard(Reading reading, int field) {
            return reading.instance() < 0 || field == Telemetry.ENERGY || field == Telemetry.POWER;
        }

        @Nullable Long activity() {
            Long engine = values.get(Telemetry.ACTIVE);
            return engine != null ? engine : values.get(Telemetry.GPU_UTIL);
        }
    }

    void readings() {
        TreeMap<Long, Sample> samples = new TreeMap<>();
        for (Reading reading : host.readings()) {
            if (reading.card() == card) {
                samples.computeIfAbsent(reading.atMs(), at -> new Sample(reading)).add(reading);
            }
        }
        // A new GPU at this index starts anew.
        List<Sample> ofOneGpu = new ArrayList<>();
        for (Sample sample : samples.values()) {
            if (!ofOneGpu.isEmpty() && !ofOneGpu.get(0).uuid.equals(sample.uuid)) {
                gpu(ofOneGpu);
                ofOneGpu.clear();
            }
            ofOneGpu.add(sample);
        }
        gpu(ofOneGpu);
    }

    /**
     * The counter is the card's: where it was read elsewhere on the host last, and no counter in
     * either place since, what it counted on the way belongs to the place where it is read now.
     */
    private void arrival(Sample first, long counter) {
        long lastHere = Long.MIN_VALUE;
        for (Reading reading : host.readings()) {
            boolean before = reading.card() == card && reading.atMs() < first.atMs;
            lastHere = before && counts(reading) ? Math.max(lastHere, reading.atMs()) : lastHere;
        }
        for (int other = 0; other < host.cards(); other++) {
            TreeMap<Long, Reading> there = new TreeMap<>();
            for (Reading reading : host.readings()) {
                if (reading.card() == other && counts(reading)) {
                    there.merge(reading.atMs(), reading, SlotTimeline::greater);
                }
            }
            Map.Entry<Long, Reading> last = there.lowerEntry(first.atMs);
            Map.Entry<Long, Reading> next = there.ceilingEntry(first.atMs);
            if (other == card
                    || last == null
                    || last.getKey() < lastHere
                    || !last.getValue().uuid().equals(first.uuid)
                    || (next != null && goesOn(last.getValue(), next.getValue()))) {
                continue;
            }
            Long earlier = last.getValue().values().get(Telemetry.ENERGY);
            if (earlier != null && earlier < counter) {
                counter(last.getKey(), first.atMs, earlier, counter);
            }
        }
    }

    /** One card was seen in one place from one reading to another. */
    private boolean goesOn(Reading from, Reading to) {
        return host.readings().stream()
                .filter(r -> r.card() == from.card())
                .filter(r -> from.atMs() <= r.atMs() && r.atMs() <= to.atMs())
                .allMatch(r -> r.uuid().equals(from.uuid()));
    }

    private static boolean counts(Reading reading) {
        return reading.values().get(Telemetry.ENERGY) != null;
    }

    private static Reading greater(Reading a, Reading b) {
        Long of = a.values().get(Telemetry.ENERGY);
        Long and = b.values().get(Telemetry.ENERGY);
        return of != null && (and == null || of >= and) ? a : b;
    }

    private void gpu(List<Sample> samples) {
        @Nullable Sample before = null;
        for (Sample sample : samples) {
            Long ppm = sample.activity();
            if (ppm != null) {
                if (before != null) {
                    active(coverStart(before, sample), sample.atMs, ppm);
                }
                before = sample;
            }
        }
        before = null;
        for (Sample sample : samples) {
            Long counter = sample.values.get(Telemetry.ENERGY);
            if (counter != null) {
                if (before != null) {
                    Long earlier = before.values.get(Telemetry.ENERGY);
                    counter(before.atMs, sample.atMs, earlier == null ? counter : earlier, counter);
                } else {
                    arrival(sample, counter);
                }
                before = sample;
            }
        }
        before = null;
        for (Sample sample : samples) {
            Long power = sample.values.get(Telemetry.POWER);
            if (power != null) {
                if (before != null && !sample.values.containsKey(Telemetry.ENERGY)) {
                    power(coverStart(before, sample), sample.atMs, power);
                }
                before = sample;
            }
        }
    }

    private static long coverStart(Sample before, Sample sample) {
        return sample.atMs - Math.min(sample.atMs - before.atMs, sample.coverMs);
    }

    private void active(long start, long at, long ppm) {
        begin(start, at, ACTIVITY);
        for (int i = index(start); i < index(at); i++) {
            activePpm[i] = (int) ppm;
        }
    }

    private void counter(long before, long at, long earlier, long later) {
        begin(before, at, COUNTER);
        Accrual accrual = new Accrual(Math.max(0, later - earlier), at - before);
        for (int i = index(before); i < index(at); i++) {
            counterTells[i] = true;
            countedMj[i] = accrual.nextMillisecond();
        }
    }

    private void power(long start, long at, long milliwatt) {
        begin(start, at, POWER);
        Accrual accrual = new Accrual(milliwatt, 1_000);
        for (int i = index(start); i < index(at); i++) {
            powerTells[i] = true;
            powerMj[i] = accrual.nextMillisecond();
        }
    }

    private void begin(long start, long at, byte field) {
        if (start < at) {
            begins[index(start)] |= field;
        }
    }

    private int index(long ms) {
        return Math.toIntExact(ms - fromMs);
    }

    /**
     * What falls into each millisecond: floor(rate * (ms + 1) / unit) - floor(rate * ms / unit).
     */
    private static final class Accrual {
        private final long rate;
        private final long unit;
        private long product;
        private long floor;

        Accrual(long rate, long unit) {
            this.rate = rate;
            this.unit = unit;
        }

        int nextMillisecond() {
            product = Math.addExact(product, rate);
            long next = product / unit;
            int part = (int) (next - floor);
            floor = next;
            return part;
        }
    }

    /** Sums of one holder in one window. */
    private static final class Sum {
        long gpuMs;
        long coveredMs;
        long activeUs;
        long energyMj;
        long idleMs;
        final Set<String> flags = new TreeSet<>();
    }

    private record HolderId(String bucket, String runId, int instance) {}

    /** Where the samples that speak for a millisecond began to, and what they said since. */
    private long activeSinceMs;

    private long countedSoFarMj;
    private long powerSoFarMj;

    List<ExpectedRow> rows() {
        List<ExpectedRow> rows = new ArrayList<>();
        for (int start = 0; start < claimed.length; start += (int) WINDOW_MS) {
            Map<HolderId, Sum> sums = new HashMap<>();
            List<Share> shares = List.of();
            List<Sum> theirs = new ArrayList<>(); // in the order of the shares
            for (int i = start; i < start + (int) WINDOW_MS; i++) {
                if (i == start || claimed[i] != claimed[i - 1] || free[i] != free[i - 1]) {
                    shares = shares(claimed[i], frees.get(free[i]));
                    theirs.clear();
                    shares.forEach(s -> theirs.add(sumOf(s, sums)));
                }
                begin(i);
                for (int k = 0; k < theirs.size(); k++) {
                    add(i, shares.get(k), theirs.get(k));
                }
                countedSoFarMj += countedMj[i];
                powerSoFarMj += powerMj[i];
            }
            settle(sums);
            rows.add(row(fromMs + start, sums));
        }
        return rows;
    }

    private static Sum sumOf(Share share, Map<HolderId, Sum> sums) {
        HolderId id = new HolderId(share.bucket(), share.runId(), share.instance());
        Sum sum = sums.computeIfAbsent(id, k -> new Sum());
        sum.flags.addAll(share.flags());
        return sum;
    }

    private void begin(int i) {
        if ((begins[i] & ACTIVITY) != 0) {
            activeSinceMs = fromMs + i;
        }
        countedSoFarMj = (begins[i] & COUNTER) != 0 ? 0 : countedSoFarMj;
        powerSoFarMj = (begins[i] & POWER) != 0 ? 0 : powerSoFarMj;
    }

    /** What one holder has of one millisecond. */
    private void add(int i, Share share, Sum sum) {
        long at = fromMs + i;
        long ms = cut(share, at + 1) - cut(share, at);
        sum.gpuMs += ms;
        if (activePpm[i] >= 0) {
            sum.coveredMs += ms;
            sum.idleMs += activePpm[i] <= IDLE_PPM ? ms : 0;
            sum.activeUs +=
                    activeUs(share.after(), share.of(), i)
                            - activeUs(share.before(), share.of(), i);
        }
        if (counterTells[i]) {
            sum.energyMj += cut(share, countedSoFarMj + countedMj[i]) - cut(share, countedSoFarMj);
        } else if (powerTells[i]) {
            sum.energyMj += cut(share, powerSoFarMj + powerMj[i]) - cut(share, powerSoFarMj);
            sum.flags.add("ENERGY_FROM_POWER");
        }
    }

    /** Activity in a millisecond of all holders up to a cumulated share, by the time they have. */
    private long activeUs(long cumulated, long of, int i) {
        if (cumulated == 0) {
            return 0;
        }
        long since = upTo(cumulated, of, activeSinceMs);
        long had = upTo(cumulated, of, fromMs + i) - since;
        long has = upTo(cumulated, of, fromMs + i + 1) - since;
        return has * activePpm[i] / 1_000 - had * activePpm[i] / 1_000;
    }

    private static long upTo(long cumulated, long of, long atMs) {
        return cumulated == of ? atMs : atMs * cumulated / of;
    }

    /** DESIGN 6.3: floor(amount * C_k / N) - floor(amount * C_(k-1) / N). */
    private static long cut(Share share, long amount) {
        if (share.of() == 1) {
            return amount;
        }
        return Math.multiplyExact(amount, share.after()) / share.of()
                - Math.multiplyExact(amount, share.before()) / share.of();
    }

    /** A unit that rounding gives to somebody who has no room for it goes to the next who has. */
    private static void settle(Map<HolderId, Sum> sums) {
        List<Sum> inOrder = new ArrayList<>();
        sums.entrySet().stream()
                .sorted(
                        Comparator.comparingInt(
                                        (Map.Entry<HolderId, Sum> e) ->
                                                BUCKETS.indexOf(e.getKey().bucket()))
                                .thenComparing(e -> e.getKey().runId())
                                .thenComparingInt(e -> e.getKey().instance()))
                .forEach(e -> inOrder.add(e.getValue()));
        int n = inOrder.size();
        long[] covered = new long[n];
        long[] idle = new long[n];
        long[] active = new long[n];
        long[] energy = new long[n];
        for (int k = 0; k < n; k++) {
            covered[k] = inOrder.get(k).coveredMs;
            idle[k] = inOrder.get(k).idleMs;
            active[k] = inOrder.get(k).activeUs;
            energy[k] = inOrder.get(k).energyMj;
        }
        moveUnits(covered, k -> inOrder.get(k).gpuMs);
        moveUnits(idle, k -> covered[k]);
        moveUnits(active, k -> covered[k] * 1_000);
        moveUnits(energy, k -> Long.MAX_VALUE);
        for (int k = 0; k < n; k++) {
            inOrder.get(k).coveredMs = covered[k];
            inOrder.get(k).idleMs = idle[k];
            inOrder.get(k).activeUs = active[k];
            inOrder.get(k).energyMj = energy[k];
        }
    }

    private static void moveUnits(long[] values, IntToLongFunction room) {
        if (values.length == 1) {
            return;
        }
        for (int step = 0; step < 2 * values.length; step++) {
            int k = step % values.length;
            long fits = Math.min(Math.max(values[k], 0), Math.max(0, room.applyAsLong(k)));
            values[(k + 1) % values.length] += values[k] - fits;
            values[k] = fits;
        }
    }

    private List<Share> shares(long claim, Free rest) {
        List<Claim> holding = new ArrayList<>();
        for (int bit = 0; bit < claims.size(); bit++) {
            if ((claim >>> bit & 1) != 0) {
                holding.add(claims.get(bit));
            }
        }
        @Nullable Claim whole = null;
        int wholes = 0;
        for (Claim c : holding) {
            boolean isWhole = c.held().part().shards() == 0 && c.held().part().instance() < 0;
            wholes += isWhole ? 1 : 0;
            // The later start has the card where the documented double hold happens.
            if (isWhole
                    && (whole == null || c.held().run().startMs() > whole.held().run().startMs())) {
                whole = c;
            }
        }
        if (whole != null) {
            return List.of(share(whole, 0, 1, 1, wholes > 1 ? Set.of("DOUBLE_HOLD") : Set.of()));
        }
        holding.sort(
                Comparator.comparing((Claim c) -> c.held().runId())
                        .thenComparingInt(c -> c.held().part().instance()));
        long of = Math.max(1, host.isMig() ? host.slicesPerCard() : host.shardsPerCard());
        List<Share> shares = new ArrayList<>();
        long cumulated = 0;
        for (Claim c : holding) {
            long next = cumulated + numerator(c);
            shares.add(share(c, cumulated, next, of, Set.of()));
            cumulated = next;
        }
        if (cumulated > of) {
            throw new IllegalStateException(
                    "%d of %d parts of %s/%d are held: no such truth"
                            .formatted(cumulated, of, host.name(), card));
        }
        if (cumulated == 0) {
            shares.add(new Share(rest.bucket(), rest.runId(), -1, 0, 1, 1, rest.flags()));
        } else if (cumulated < of) {
            shares.add(new Share(rest.bucket(), rest.runId(), -1, cumulated, of, of, rest.flags()));
        }
        return shares;
    }

    private Share share(Claim c, long before, long after, long of, Set<String> more) {
        Set<String> flags = new TreeSet<>(c.held().flags());
        flags.addAll(more);
        if (host.gresType().matches("\\d+g\\..*") && !host.isMig()) {
            flags.add("INSTANCE_AS_SLOT");
        }
        return new Share(
                c.suspended() ? "SUSPENDED" : "ALLOCATED",
                c.held().runId(),
                c.held().part().instance(),
                before,
                after,
                of,
                flags);
    }

    private long numerator(Claim c) {
        for (Instance instance : host.instances()) {
            if (instance.card() == card && instance.id() == c.held().part().instance()) {
                return instance.slices();
            }
        }
        return c.held().part().shards();
    }

    private static boolean isHeld(HolderId id) {
        return id.bucket().equals("ALLOCATED") || id.bucket().equals("SUSPENDED");
    }

    private ExpectedRow row(long windowStart, Map<HolderId, Sum> sums) {
        List<ExpectedRow.Holder> holders = new ArrayList<>();
        sums.forEach(
                (id, sum) ->
                        holders.add(
                                new ExpectedRow.Holder(
                                        id.bucket(),
                                        id.runId(),
                                        id.instance(),
                                        sum.gpuMs,
                                        sum.coveredMs,
                                        sum.activeUs,
                                        sum.energyMj,
                                        isHeld(id) ? sum.idleMs : 0,
                                        sum.flags)));
        boolean instanceRows =
                host.readings().stream().anyMatch(r -> r.card() == card && r.instance() >= 0);
        return new ExpectedRow(
                truth.cluster(),
                host.name(),
                card,
                "",
                windowStart,
                WINDOW_MS,
                !instanceRows,
                holders);
    }
}
