package io.gpuledger.registry;

import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.Action;
import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.ChargePolicy;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Entry;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.GridFactor;
import io.gpuledger.core.registry.Price;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.RegistryFault;
import io.gpuledger.core.registry.RegistryRules;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.registry.WeightRule;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Collects the entries of any number of texts and gives the registry that they are together. */
final class RegistryReader {
    static final List<String> SECTIONS =
            List.of(
                    "clusters",
                    "grants",
                    "accounts",
                    "charge_policies",
                    "price_lists",
                    "adjustments",
                    "grid_factors");

    static final List<String> GRANT =
            List.of(
                    "id",
                    "title",
                    "pi",
                    "institution",
                    "funder",
                    "kind",
                    "term",
                    "budget",
                    "price_list",
                    "thresholds",
                    "enforcement");
    static final List<String> TERM = List.of("from", "to");
    static final List<String> LINE =
            List.of("kind", "at", "gpu_hours", "gpu_us", "expires", "grant", "note");
    static final List<String> THRESHOLDS = List.of("warning", "critical", "hysteresis");
    static final List<String> ENFORCEMENT =
            List.of("warning", "critical", "exhausted", "expired", "grace", "committed", "dry_run");
    static final List<String> ACCOUNT =
            List.of("cluster", "account", "user", "partition", "qos", "grant", "from", "to");
    static final List<String> POLICY =
            List.of("from", "to", "suspended", "overhead", "node_fail", "boot_fail", "weights");
    static final List<String> WEIGHT =
            List.of("cluster", "model", "partition", "qos", "bucket", "weight");
    static final List<String> PRICE_LIST = List.of("name", "currency", "prices");
    static final List<String> PRICE = List.of("model", "from", "to", "per_gpu_hour");
    static final List<String> ADJUSTMENT =
            List.of("id", "grant", "at", "gpu_hours", "gpu_us", "money", "reason", "author");

    static final List<String> GRID_FACTOR =
            List.of("cluster", "area", "from", "to", "g_per_kwh", "hourly");

    static final BigDecimal GPU_HOUR = BigDecimal.valueOf(BudgetLine.GPU_US_PER_GPU_HOUR);

    /** Millionths in one percent. */
    static final BigDecimal PERCENT = BigDecimal.valueOf(10_000);

    static final BigDecimal MILLI = BigDecimal.valueOf(1_000);
    private static final String STANDARD_CURRENCY = "DKK";
    private static final String UNREAD = "?";

    /** Of a budget line: what the budget of its grant depends on. */
    private static final Set<String> COUNTED =
            Set.of("kind", "at", "gpu_hours", "gpu_us", "expires", "grant");

    /** What a budget line can be. */
    enum LineKind {
        INITIAL,
        TOP_UP,
        TRANSFER_IN,
        TRANSFER_OUT,
        CORRECTION;

        /** As in the files. */
        String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    private static final Map<String, LineKind> LINE_KINDS = lineKinds();
    private static final Map<String, GrantKind> GRANT_KINDS = YamlMap.words(GrantKind.class);
    private static final Map<String, Action> ACTIONS = YamlMap.words(Action.class);
    private static final Map<String, Bucket> BUCKETS = YamlMap.words(Bucket.class);

    private final List<Problem> problems = new ArrayList<>();
    private final IdentityHashMap<Entry, YamlSource.Place> places = new IdentityHashMap<>();

    private final IdentityHashMap<Entry, Map<String, YamlSource.Place>> keyPlaces =
            new IdentityHashMap<>();

    /** Keys of entries that could not be read: what seems to contradict those may not. */
    private final IdentityHashMap<Entry, Set<String>> wrong = new IdentityHashMap<>();

    private final Map<String, YamlSource.Place> clusters = new HashMap<>();
    private final List<Grant> grants = new ArrayList<>();
    private final List<AccountMapping> mappings = new ArrayList<>();
    private final List<ChargePolicy> policies = new ArrayList<>();
    private final List<PriceList> priceLists = new ArrayList<>();
    private final List<Adjustment> adjustments = new ArrayList<>();
    private final List<GridFactor> gridFactors = new ArrayList<>();

    private static Map<String, LineKind> lineKinds() {
        Map<String, LineKind> kinds = new LinkedHashMap<>();
        for (LineKind kind : LineKind.values()) {
            kinds.put(kind.word(), kind);
        }
        return kinds;
    }

    /** Adds what a text says. */
    void read(String name, String text) {
        YamlSource source = new YamlSource(name, problems);
        source.compose(text).ifPresent(root -> file(source, root));
    }

    /** Adds a problem of a text that cannot even be read. */
    void problem(Problem problem) {
        problems.add(problem);
    }

    /**
     * The registry of all texts.
     *
     * @throws RegistryException with everything that is wrong
     */
    Registry registry() throws RegistryException {
        Registry registry =
                new Registry(
                        List.copyOf(clusters.keySet()),
                        grants,
                        mappings,
                        policies,
                        priceLists,
                        adjustments,
                        gridFactors);
        for (RegistryFault fault : RegistryRules.faults(registry)) {
            if (!follows(fault)) {
                problems.add(located(fault));
            }
        }
        if (!problems.isEmpty()) {
            problems.sort(Problem.IN_ORDER);
            throw new RegistryException(problems);
        }
        return registry;
    }

    /**
     * Of two that do not go together the later one is to blame; where the first is, is said too.
     */
    private Problem located(RegistryFault fault) {
        YamlSource.Place place = place(fault.entry());
        String found = fault.found();
        if (fault.other() == null) {
            place = onlyKey(fault, place);
        } else {
            YamlSource.Place other = place(fault.other());
            boolean isLater = YamlSource.Place.IN_ORDER.compare(place, other) >= 0;
            found += " (the other one: %s)".formatted(isLater ? other : place);
            place = isLater ? place : other;
        }
        return new Problem(place.file(), place.line(), found, fault.remedy());
    }

    /** The line of the key that it was found by, where that is one and stands in the entry. */
    private YamlSource.Place onlyKey(RegistryFault fault, YamlSource.Place otherwise) {
        Map<String, YamlSource.Place> keys =
                new HashMap<>(keyPlaces.getOrDefault(fault.entry(), Map.of()));
        keys.keySet().retainAll(fault.keys());
        return keys.size() == 1 ? keys.values().iterator().next() : otherwise;
    }

    private YamlSource.Place place(Entry entry) {
        return Objects.requireNonNull(places.get(entry), "an entry without place");
    }

    /** A fault that may be only another mistake's consequence. */
    private boolean follows(RegistryFault fault) {
        return fault.grounds().stream()
                .anyMatch(
                        entry ->
                                !Collections.disjoint(
                                        wrong.getOrDefault(entry, Set.of()), fault.keys()));
    }

    private void file(YamlSource source, Node root) {
        YamlMap file = YamlMap.of(source, root, "the file", SECTIONS);
        for (ScalarNode cluster : file.scalars("clusters")) {
            cluster(source, cluster);
        }
        file.list("grants").forEach(n -> grant(source, YamlMap.of(source, n, "a grant", GRANT)));
        file.list("accounts")
                .forEach(n -> mapping(YamlMap.of(source, n, "an account mapping", ACCOUNT)));
        file.list("charge_policies")
                .forEach(n -> policy(source, YamlMap.of(source, n, "a charge policy", POLICY)));
        file.list("price_lists")
                .forEach(n -> priceList(source, YamlMap.of(source, n, "a price list", PRICE_LIST)));
        file.list("adjustments")
                .forEach(n -> adjustment(YamlMap.of(source, n, "an adjustment", ADJUSTMENT)));
        file.list("grid_factors")
                .forEach(n -> gridFactor(YamlMap.of(source, n, "a grid factor", GRID_FACTOR)));
    }

    private void cluster(YamlSource source, ScalarNode node) {
        String name = node.getValue();
        if (name.isBlank() || name.contains("/") || name.contains("@")) {
            source.problem(
                    node,
                    "cluster '%s' is blank or has a / or @".formatted(name),
                    "give the name that gpu-ledger --cluster has");
            return;
        }
        YamlSource.Place before = clusters.putIfAbsent(name, source.place(node));
        if (before != null) {
            source.problem(
                    node,
                    "cluster '%s' stands before, at %s".formatted(name, before),
                    "leave one out");
        }
    }

    private <E extends Entry> E placed(E entry, YamlMap map) {
        places.put(entry, map.place());
        keyPlaces.put(entry, map.placesOfKeys());
        wrong.put(entry, new HashSet<>(map.wrong()));
        return entry;
    }

    private void grant(YamlSource source, YamlMap map) {
        String id = map.requiredId("id");
        if (id.equals(Grant.UNMAPPED)) {
            map.bad("id", "id 'unmapped' is for accounts without a grant", "give another id");
        }
        String title = map.requiredText("title");
        String pi = map.requiredText("pi");
        String institution = map.text("institution");
        String funder = map.text("funder");
        GrantKind kind = map.word("kind", GRANT_KINDS, null);
        YamlMap termMap = map.requiredSection("term", "the term", TERM);
        Span term = termMap == null ? Effective.ALWAYS : termMap.term();
        Set<String> ofParts = new HashSet<>();
        if (termMap != null && !termMap.wrong().isEmpty()) {
            ofParts.add("term");
        }
        List<BudgetLine> budget = new ArrayList<>();
        for (Node node : map.list("budget")) {
            YamlMap lineMap = YamlMap.of(source, node, "a budget line", LINE);
            budget.add(placed(line(lineMap), lineMap));
            if (!Collections.disjoint(lineMap.wrong(), COUNTED)) {
                ofParts.add("budget");
            }
        }
        String priceList = map.id("price_list");
        Thresholds thresholds = thresholds(map.section("thresholds", "thresholds", THRESHOLDS));
        Enforcement enforcement =
                enforcement(map.section("enforcement", "enforcement", ENFORCEMENT));
        if (id.isEmpty() || id.equals(Grant.UNMAPPED)) {
            return;
        }
        Grant grant =
                placed(
                        new Grant(
                                id,
                                title,
                                pi,
                                institution,
                                funder,
                                kind,
                                term,
                                budget,
                                priceList,
                                thresholds,
                                enforcement),
                        map);
        wrong.computeIfAbsent(grant, g -> new HashSet<>()).addAll(ofParts);
        grants.add(grant);
    }

    /** Where something is wrong, with values that say as little as can be. */
    private static BudgetLine line(YamlMap map) {
        LineKind kind = map.word("kind", LINE_KINDS, null);
        long at = map.requiredDate("at", Effective.OPEN_START);
        long expires = map.date("expires", Span.OPEN_END);
        long gpuUs = amount(map, true);
        String note = map.text("note");
        boolean transfer = kind == LineKind.TRANSFER_IN || kind == LineKind.TRANSFER_OUT;
        String other = transfer ? map.requiredId("grant") : map.id("grant");
        if (!transfer && !other.isEmpty() && !map.wrong().contains("kind")) {
            map.bad("grant", "only a transfer names another grant", "leave it out");
        }
        if (kind != LineKind.CORRECTION && gpuUs < 0 && !map.wrong().contains("kind")) {
            map.bad(
                    map.has("gpu_us") ? "gpu_us" : "gpu_hours",
                    "%s %s of less than nothing"
                            .formatted(kind == LineKind.INITIAL ? "an" : "a", kind.word()),
                    transfer ? "give the amount; the kind tells the way" : "make it a correction");
        }
        if (expires <= at) {
            map.bad("expires", "a budget line expires before it counts", "change one of the dates");
        }
        long end = expires <= at ? Span.OPEN_END : expires;
        long amount = kind == LineKind.CORRECTION ? gpuUs : Math.max(0, gpuUs);
        String with = readable(other);
        return switch (kind) {
            case INITIAL, TOP_UP ->
                    new BudgetLine.Funding(kind == LineKind.INITIAL, amount, at, end, note);
            case TRANSFER_IN -> new BudgetLine.Transfer(with, amount, at, end, note);
            case TRANSFER_OUT -> new BudgetLine.Transfer(with, -amount, at, end, note);
            case CORRECTION -> new BudgetLine.Correction(amount, at, end, note);
        };
    }

    /** Charged GPU microseconds, from exactly one of two keys. */
    private static long amount(YamlMap map, boolean required) {
        if (map.has("gpu_hours") && map.has("gpu_us")) {
            map.bad("gpu_us", "an amount in gpu_hours and gpu_us", "leave one out");
            return 0;
        }
        if (map.has("gpu_us")) {
            return map.parts("gpu_us", BigDecimal.ONE, "1 us", 0);
        }
        BigDecimal hours = required ? map.requiredNumber("gpu_hours") : map.number("gpu_hours");
        return hours == null ? 0 : map.parts("gpu_hours", hours, GPU_HOUR, "a GPU microsecond", 0);
    }

    private static Thresholds thresholds(@Nullable YamlMap map) {
        Thresholds standard = Thresholds.STANDARD;
        if (map == null) {
            return standard;
        }
        String finest = "0.0001 %";
        long warning = map.parts("warning", PERCENT, finest, standard.warningPpm());
        long critical = map.parts("critical", PERCENT, finest, standard.criticalPpm());
        long hysteresis = map.parts("hysteresis", PERCENT, finest, standard.hysteresisPpm());
        if (warning <= 0 || warning > Thresholds.WHOLE_PPM) {
            map.bad(
                    "warning",
                    "warning %s is no share of the budget".formatted(percent(warning)),
                    "give percent above 0, at most 100");
        }
        if (critical <= 0 || critical > Thresholds.WHOLE_PPM) {
            map.bad(
                    "critical",
                    "critical %s is no share of the budget".formatted(percent(critical)),
                    "give percent above 0, at most 100");
        }
        if (hysteresis < 0) {
            map.bad(
                    "hysteresis",
                    "hysteresis %s is below zero".formatted(percent(hysteresis)),
                    "give percent from 0 on");
        }
        boolean comparable = !map.wrong().contains("warning");
        if (comparable && !map.wrong().contains("critical") && critical < warning) {
            map.bad(
                    "critical",
                    "critical %s is less than warning %s"
                            .formatted(percent(critical), percent(warning)),
                    "let critical come at the same share or later");
        }
        if (comparable && !map.wrong().contains("hysteresis") && hysteresis >= warning) {
            map.bad(
                    "hysteresis",
                    "hysteresis %s takes warning %s back below nothing used"
                            .formatted(percent(hysteresis), percent(warning)),
                    "give less percent than warning has");
        }
        return map.isSound() ? new Thresholds(warning, critical, hysteresis) : standard;
    }

    /** As in the files. */
    private static String percent(long ppm) {
        return plain(BigDecimal.valueOf(ppm).divide(PERCENT)).toPlainString() + " %";
    }

    private static Enforcement enforcement(@Nullable YamlMap map) {
        Enforcement standard = Enforcement.STANDARD;
        return map == null
                ? standard
                : new Enforcement(
                        map.word("warning", ACTIONS, standard.onWarning()),
                        map.word("critical", ACTIONS, standard.onCritical()),
                        map.word("exhausted", ACTIONS, standard.onExhausted()),
                        map.word("expired", ACTIONS, standard.onExpired()),
                        map.lengthMs("grace", standard.graceMs()),
                        map.yes("committed", standard.countsCommitted()),
                        map.yes("dry_run", standard.dryRun()));
    }

    private void mapping(YamlMap map) {
        String cluster = map.requiredName("cluster");
        String account = map.requiredName("account");
        String user = map.name("user");
        String partition = map.name("partition");
        String qos = map.name("qos");
        String grant = map.requiredId("grant");
        Span effective = map.effective();
        mappings.add(
                placed(
                        new AccountMapping(
                                readable(cluster),
                                readable(account),
                                user,
                                partition,
                                qos,
                                readable(grant),
                                effective),
                        map));
    }

    private void policy(YamlSource source, YamlMap map) {
        ChargePolicy standard = ChargePolicy.STANDARD;
        Span effective = map.effective();
        boolean suspended = map.yes("suspended", standard.chargesSuspended());
        boolean overhead = map.yes("overhead", standard.chargesOverhead());
        boolean nodeFail = map.yes("node_fail", standard.chargesNodeFail());
        boolean bootFail = map.yes("boot_fail", standard.chargesBootFail());
        List<WeightRule> weights = new ArrayList<>();
        for (Node node : map.list("weights")) {
            YamlMap rule = YamlMap.of(source, node, "a weight", WEIGHT);
            weights.add(placed(weight(rule), rule));
        }
        policies.add(
                placed(
                        new ChargePolicy(
                                effective, suspended, overhead, nodeFail, bootFail, weights),
                        map));
    }

    private static WeightRule weight(YamlMap map) {
        String cluster = map.name("cluster");
        String model = map.name("model");
        String partition = map.name("partition");
        String qos = map.name("qos");
        Bucket bucket = map.has("bucket") ? map.word("bucket", BUCKETS, null) : null;
        BigDecimal number = map.requiredNumber("weight");
        long milli = number == null ? 0 : map.parts("weight", number, MILLI, "a thousandth", 0);
        if (milli < 0 || milli > WeightRule.GREATEST_MILLI) {
            map.bad("weight", "a weight of " + number, "give 0 to 1000");
            milli = 0;
        }
        return new WeightRule(cluster, model, partition, qos, bucket, (int) milli);
    }

    private void priceList(YamlSource source, YamlMap map) {
        String name = map.requiredId("name");
        String currency = map.has("currency") ? map.requiredText("currency") : STANDARD_CURRENCY;
        if (!currency.matches("[A-Z]{3}")) {
            map.bad("currency", "currency '%s'".formatted(currency), "give a code like DKK");
        }
        List<Price> prices = new ArrayList<>();
        for (Node node : map.list("prices")) {
            YamlMap priceMap = YamlMap.of(source, node, "a price", PRICE);
            String model = priceMap.name("model");
            Span effective = priceMap.effective();
            BigDecimal price = priceMap.requiredNumber("per_gpu_hour");
            if (price != null && price.signum() < 0) {
                priceMap.bad("per_gpu_hour", "a price below zero", "give what a GPU-hour costs");
            }
            prices.add(placed(new Price(model, effective, notBelowZero(price)), priceMap));
        }
        if (!name.isEmpty()) {
            priceLists.add(placed(new PriceList(name, currency, prices), map));
        }
    }

    private static BigDecimal notBelowZero(@Nullable BigDecimal number) {
        return number == null || number.signum() < 0 ? BigDecimal.ZERO : plain(number);
    }

    /** 21.5 and 21.50 are the same price. */
    static BigDecimal plain(BigDecimal number) {
        return number.signum() == 0
                ? BigDecimal.ZERO
                : new BigDecimal(number.stripTrailingZeros().toPlainString());
    }

    private void adjustment(YamlMap map) {
        String id = map.requiredId("id");
        String grant = map.requiredId("grant");
        long at = map.requiredDate("at", Effective.OPEN_START);
        long gpuUs = amount(map, !map.has("money"));
        BigDecimal money = map.number("money");
        String reason = map.requiredText("reason");
        String author = map.requiredText("author");
        adjustments.add(
                placed(
                        new Adjustment(
                                readable(id),
                                readable(grant),
                                at,
                                gpuUs,
                                money == null ? BigDecimal.ZERO : plain(money),
                                readable(reason),
                                readable(author)),
                        map));
    }

    /** What no name can be, for one that could not be read. */
    private static String readable(String name) {
        return name.isEmpty() ? UNREAD : name;
    }

    /** One number for a span, or one for each hour from a date on. */
    private void gridFactor(YamlMap map) {
        String cluster = map.name("cluster");
        String area = map.name("area");
        if (!map.has("hourly")) {
            Span effective = map.effective();
            BigDecimal grams = map.requiredNumber("g_per_kwh");
            if (grams != null && grams.signum() < 0) {
                map.bad("g_per_kwh", "a factor below zero", "give grams for each kWh");
            }
            BigDecimal known = notBelowZero(grams);
            gridFactors.add(placed(new GridFactor(cluster, area, effective, List.of(known)), map));
            return;
        }
        long from = map.requiredDate("from", 0);
        List<BigDecimal> hours = new ArrayList<>();
        for (ScalarNode node : map.scalars("hourly")) {
            if (node.getValue().matches("[0-9]{1,9}(\\.[0-9]{1,9})?")) {
                hours.add(plain(new BigDecimal(node.getValue())));
            } else {
                map.bad(
                        "hourly",
                        "'%s' is no factor".formatted(node.getValue()),
                        "give grams for each kWh like 81.5");
            }
        }
        if (map.has("to") || map.has("g_per_kwh")) {
            map.bad("hourly", "hourly factors with to or g_per_kwh", "leave those out");
        }
        if (hours.size() < 2) {
            map.bad("hourly", "fewer than two hours", "give g_per_kwh with from and to");
        }
        if (map.isSound()) {
            gridFactors.add(
                    placed(
                            new GridFactor(
                                    cluster,
                                    area,
                                    new Span(from, from + hours.size() * 3_600_000L),
                                    hours),
                            map));
        }
    }
}
