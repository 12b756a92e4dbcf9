package io.gpuledger.testkit;

import io.gpuledger.testkit.Scenario.Host;
import io.gpuledger.testkit.Scenario.Instance;
import io.gpuledger.testkit.Scenario.Look;
import io.gpuledger.testkit.Scenario.Reading;
import io.gpuledger.testkit.Scenario.Reservation;
import io.gpuledger.testkit.Scenario.Run;
import io.gpuledger.testkit.Scenario.Watch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Makes the same scenario of the same seed and kinds, for ever. */
public final class Generator {
    private static final long MINUTE_MS = 60_000;
    private static final long HOUR_MS = 60 * MINUTE_MS;
    private static final long SOME_HOUR = 1_700_000_000_000L / HOUR_MS * HOUR_MS;

    private final Dice dice;
    private final Set<Kind> kinds;

    private Generator(Dice dice, Set<Kind> kinds) {
        this.dice = dice;
        this.kinds = kinds;
    }

    /** A scenario of one kind. */
    public static Scenario of(long seed, Kind kind) {
        return of(seed, EnumSet.of(kind));
    }

    /** A scenario that mixes some of the kinds. */
    public static Scenario mixed(long seed, Set<Kind> allowed) {
        Dice dice = new Dice(seed ^ 0x5DEECE66DL);
        Set<Kind> chosen = EnumSet.of(Kind.PLAIN);
        boolean scheduler = false;
        List<Kind> candidates = new ArrayList<>(allowed);
        Collections.sort(candidates);
        dice.shuffle(candidates);
        for (Kind kind : candidates) {
            boolean one = kind.of() == Kind.Of.SCHEDULER;
            if (dice.chance(one ? 20 : 30) && !(one && scheduler)) {
                chosen.add(kind);
                scheduler |= one;
            }
        }
        if (chosen.contains(Kind.INVENTORY_MAPS_UUIDS)) {
            // The inventory is told once: where a card that it does not name is, no source tells.
            chosen.remove(Kind.NEW_UUID);
        }
        return of(seed, chosen);
    }

    /** A scenario of all these kinds together. */
    public static Scenario of(long seed, Set<Kind> kinds) {
        Set<Kind> ordered = EnumSet.copyOf(kinds);
        long mix = seed;
        for (Kind kind : ordered) {
            mix = mix * 0x5851F42D4C957F2DL + kind.name().hashCode();
        }
        return new Generator(new Dice(mix), ordered).scenario(seed);
    }

    private Scenario scenario(long seed) {
        long fromMs =
                SOME_HOUR
                        + (dice.chance(30)
                                ? HOUR_MS - dice.between(1, 300) * 1_000L
                                : dice.between(0, 3_000) * 1_000L)
                        + (dice.chance(50) ? 0 : dice.between(1, 999));
        int minutes = dice.chance(10) ? dice.between(13, 20) : dice.between(5, 9);
        if (has(Kind.RARE_POLLS)) {
            minutes = dice.between(14, 20);
        }
        long toMs = fromMs + minutes * MINUTE_MS + dice.between(0, 59_999);
        Watch watch = watch(fromMs, toMs);
        List<Host> hosts = new ArrayList<>();
        int count =
                has(Kind.MULTI_HOST)
                                || has(Kind.RESIZED)
                                || has(Kind.COUNT_OVER_HOSTS)
                                || has(Kind.RUNAWAY)
                        ? dice.between(2, 3)
                        : dice.chance(60) ? 1 : 2;
        List<Kind> special = new ArrayList<>(kinds);
        special.removeIf(k -> k.of() != Kind.Of.HOST);
        for (int i = 0; i < count; i++) {
            // Special hosts come last: multi-host runs need plain ones.
            int back = count - 1 - i;
            Kind kind = back < special.size() ? special.get(back) : Kind.PLAIN;
            hosts.add(host("n" + (i + 1), kind, fromMs, toMs, watch));
        }
        List<Run> runs = new Workload(dice.split(), kinds, fromMs, toMs, watch, hosts).runs();
        return new Scenario(
                seed,
                EnumSet.copyOf(kinds),
                "c" + seed + "-" + String.join("-", kinds.stream().map(Kind::name).toList()),
                fromMs,
                toMs,
                watch,
                List.copyOf(hosts),
                List.copyOf(runs));
    }

    private boolean isUnseen(Kind hostKind) {
        return hostKind == Kind.PLAIN && has(Kind.ENDS_WITH_THE_MINUTE);
    }

    private boolean has(Kind kind) {
        return kinds.contains(kind);
    }

    private Watch watch(long fromMs, long toMs) {
        List<Long> instants = new ArrayList<>();
        boolean seconds = dice.chance(50);
        long at = fromMs;
        while (at < toMs) {
            instants.add(at);
            if (has(Kind.RARE_POLLS)) {
                long exact = Oracle.SCHEDULER_GAP_MS;
                at += dice.of(List.of(20_000L, 60_000L, exact, exact + 1, 400_000L));
            } else {
                at += seconds ? dice.between(2_000L, 9_000) : dice.between(15_000L, 70_000);
            }
        }
        instants.add(toMs);
        List<Long> accounting = new ArrayList<>();
        for (long read = fromMs + dice.between(0, 60_000);
                read < toMs;
                read += dice.between(20_000, 200_000)) {
            accounting.add(read);
        }
        accounting.add(toMs + dice.between(0, 5_000));
        if (has(Kind.POLLS_ONLY)) {
            return new Watch(instants, List.of(), List.of(), false, true);
        }
        if (has(Kind.COUNT_OVER_HOSTS)) {
            return new Watch(List.of(), List.of(), accounting, true, false);
        }
        if (has(Kind.HOOKS_AND_ACCOUNTING) || has(Kind.RUNAWAY)) {
            return new Watch(List.of(), instants, accounting, false, true);
        }
        return new Watch(instants, List.of(), accounting, false, !has(Kind.COUNT_ONLY));
    }

    private Host host(String name, Kind kind, long fromMs, long toMs, Watch watch) {
        int cards = dice.chance(10) ? 8 : dice.between(2, 4);
        String gresType = dice.of(List.of("h100", "a100", ""));
        int shards = 0;
        int slices = 0;
        List<Instance> instances = new ArrayList<>();
        switch (kind) {
            case SHARDS -> {
                shards = dice.of(List.of(2, 3, 4, 7, 8));
                gresType = "";
            }
            case MIG_MAPPED, MIG_MAPPED_INSTANCE_ROWS -> {
                cards = 2;
                slices = dice.chance(70) ? 7 : 4;
                gresType = slices == 7 ? "1g.10gb" : "1g.6gb";
                instances.addAll(cut(cards, slices));
            }
            case MIG_UNMAPPED -> {
                cards = dice.between(4, 8);
                gresType = "1g.10gb";
            }
            default -> {}
        }
        List<Integer> nvml = new ArrayList<>();
        for (int i = 0; i < cards; i++) {
            nvml.add(i);
        }
        if (kind == Kind.INVENTORY_MAPS_UUIDS) {
            Collections.rotate(nvml, 1);
        }
        Host host =
                new Host(
                        name,
                        cards,
                        gresType,
                        shards,
                        slices,
                        instances,
                        nvml,
                        kind == Kind.INVENTORY_MAPS_UUIDS,
                        kind == Kind.NO_INVENTORY || isUnseen(kind)
                                ? List.of()
                                : looks(kind, fromMs, toMs, watch),
                        kind == Kind.RESERVATIONS ? reservations(fromMs, toMs) : List.of(),
                        List.of());
        List<Reading> readings =
                kind == Kind.MIG_UNMAPPED || isUnseen(kind)
                        ? List.of()
                        : new Telemetry(dice.split(), kinds, kind, host, fromMs, toMs).readings();
        return new Host(
                host.name(),
                host.cards(),
                host.gresType(),
                host.shardsPerCard(),
                host.slicesPerCard(),
                host.instances(),
                host.nvmlIndex(),
                host.inventoryTellsUuids(),
                host.looks(),
                host.reservations(),
                readings);
    }

    /** Listed now and then while they last, or once for all when they are over. */
    private List<Reservation> reservations(long fromMs, long toMs) {
        List<Reservation> reservations = new ArrayList<>();
        int count = dice.between(1, 4);
        for (int i = 0; i < count; i++) {
            long start = dice.between(fromMs - 100_000, toMs) / 1_000 * 1_000;
            long end = start + dice.between(1, 300) * 1_000L;
            long planned = end + (dice.chance(40) ? dice.between(1, 300) * 1_000L : 0);
            List<Long> told = new ArrayList<>();
            if (dice.chance(30)) {
                told.add(Math.min(toMs, end + dice.between(0, 50_000)));
            } else {
                for (long at = fromMs; at <= toMs; at += dice.between(5_000, 90_000)) {
                    if (at < end) {
                        told.add(at);
                    }
                }
            }
            // The same name again is another reservation, for it starts anew.
            String name = dice.of(List.of("course", "maint", "night"));
            if (reservations.stream().noneMatch(r -> r.fromMs() == start)) {
                reservations.add(new Reservation(name, start, end, planned, dice.chance(30), told));
            }
        }
        return reservations;
    }

    /** Cuts cards into instances; what no instance has stays free for ever. */
    private List<Instance> cut(int cards, int slices) {
        List<Instance> instances = new ArrayList<>();
        for (int card = 0; card < cards; card++) {
            int left = slices;
            int id = dice.between(1, 5);
            while (left > 0 && (left == slices || dice.chance(85))) {
                int size = Math.min(left, dice.of(List.of(1, 1, 2, 3)));
                instances.add(new Instance(instances.size(), card, id, size));
                id += dice.between(1, 2);
                left -= size;
            }
        }
        return instances;
    }

    private List<Look> looks(Kind kind, long fromMs, long toMs, Watch watch) {
        List<Look> looks = new ArrayList<>();
        boolean states = kind == Kind.NODE_STATES;
        long at = fromMs + (watch.indices() && !states ? dice.between(0, 20_000) : 0);
        List<String> now = List.of("IDLE");
        while (at <= toMs) {
            if (states && dice.chance(50)) {
                now =
                        dice.of(
                                List.of(
                                        List.of("IDLE"),
                                        List.of("DOWN", "NOT_RESPONDING"),
                                        List.of("IDLE", "DRAIN"),
                                        List.of("MIXED", "DRAIN"),
                                        List.of("RESERVED"),
                                        List.of("IDLE", "RESERVED"),
                                        List.of("MIXED", "MAINT", "RESERVED"),
                                        List.of("ALLOCATED")));
            }
            looks.add(new Look(at, now));
            at +=
                    states && dice.chance(10)
                            ? Oracle.SCHEDULER_GAP_MS + dice.between(0, 1)
                            : dice.between(10_000L, states ? 60_000 : 200_000);
        }
        return looks;
    }
}
