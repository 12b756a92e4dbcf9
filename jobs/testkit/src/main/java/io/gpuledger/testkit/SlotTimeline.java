package io.gpuledger.testkit;

import io.gpuledger.testkit.Oracle.Held;
import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Instance;
import io.gpuledger.testkit.Scenario.Reading;
import io.gpuledger.testkit.Scenario.Stretch;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** One slot, a millisecond an array element. */
final class SlotTimeline {
    static final long WINDOW_MS = 60_000;
    private static final long IDLE_PPM = 10_000;

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

    private final boolean[] covered;
    private final boolean[] inactive;
    private final int[] activeUs;
    private final int[] energyMj;
    private final boolean[] counterTells;
    private final boolean[] fromPower;

    SlotTimeline(Scenario truth, Host host, int card, long fromMs, long toMs) {
        this.truth = truth;
        this.host = host;
        this.card = card;
        this.fromMs = fromMs;
        int length = Math.toIntExact(toMs - fromMs);
        claimed = new long[length];
        free = new byte[length];
        covered = new boolean[length];
        inactive = new boolean[length];
        activeUs = new int[length];
        energyMj = new int[length];
        counterTells = new boolean[length];
        fromPower = new boolean[length];
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
        Accrual accrual = new Accrual(ppm, 1_000);
        for (int i = index(start); i < index(at); i++) {
            covered[i] = true;
            inactive[i] = ppm <= IDLE_PPM;
            activeUs[i] = accrual.nextMillisecond();
        }
    }

    private void counter(long before, long at, long earlier, long later) {
        Accrual accrual = new Accrual(Math.max(0, later - earlier), at - before);
        for (int i = index(before); i < index(at); i++) {
            counterTells[i] = true;
            energyMj[i] = accrual.nextMillisecond();
        }
    }

    private void power(long start, long at, long milliwatt) {
        Accrual accrual = new Accrual(milliwatt, 1_000);
        for (int i = index(start); i < index(at); i++) {
            int drawn = accrual.nextMillisecond();
            fromPower[i] = !counterTells[i];
            energyMj[i] = fromPower[i] ? drawn : energyMj[i];
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
        long heldIdleMs;
        final Set<String> flags = new TreeSet<>();
    }

    private record HolderId(String bucket, String runId, int instance) {}

    List<ExpectedRow> rows() {
        List<ExpectedRow> rows = new ArrayList<>();
        for (int start = 0; start < claimed.length; start += (int) WINDOW_MS) {
            Map<HolderId, Sum> sums = new HashMap<>();
            int end = start + (int) WINDOW_MS;
            int from = start;
            for (int i = start + 1; i <= end; i++) {
                if (i == end || claimed[i] != claimed[from] || free[i] != free[from]) {
                    piece(from, i, sums);
                    from = i;
                }
            }
            rows.add(row(fromMs + start, sums));
        }
        return rows;
    }

    /** A stretch in which nothing changes. */
    private void piece(int from, int to, Map<HolderId, Sum> sums) {
        long coveredMs = 0;
        long active = 0;
        long energy = 0;
        long idleMs = 0;
        boolean power = false;
        for (int i = from; i < to; i++) {
            coveredMs += covered[i] ? 1 : 0;
            active += activeUs[i];
            energy += energyMj[i];
            idleMs += inactive[i] ? 1 : 0;
            power |= fromPower[i];
        }
        for (Share share : shares(claimed[from], frees.get(free[from]))) {
            Sum sum =
                    sums.computeIfAbsent(
                            new HolderId(share.bucket(), share.runId(), share.instance()),
                            id -> new Sum());
            // The milliseconds between telescope: what each gives is what the ends give.
            sum.gpuMs += cut(share, fromMs + to) - cut(share, fromMs + from);
            sum.flags.addAll(share.flags());
            if (power) {
                sum.flags.add("ENERGY_FROM_POWER");
            }
            sum.coveredMs += cut(share, coveredMs);
            sum.activeUs += cut(share, active);
            sum.energyMj += cut(share, energy);
            boolean holds =
                    share.bucket().equals("ALLOCATED") || share.bucket().equals("SUSPENDED");
            sum.heldIdleMs += holds ? cut(share, idleMs) : 0;
        }
    }

    /** DESIGN 6.3: floor(amount * C_k / N) - floor(amount * C_(k-1) / N). */
    private static long cut(Share share, long amount) {
        if (share.of() == 1) {
            return amount;
        }
        return Math.multiplyExact(amount, share.after()) / share.of()
                - Math.multiplyExact(amount, share.before()) / share.of();
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
                                        sum.heldIdleMs,
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
