package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.attribution.Deliveries.Fault;
import io.gpuledger.attribution.Deliveries.Position;
import io.gpuledger.attribution.Deliveries.Progress;
import io.gpuledger.core.registry.AccountMapping;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.ChargePolicy;
import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Enforcement;
import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.RegistryRules;
import io.gpuledger.core.registry.Thresholds;
import io.gpuledger.core.registry.WeightRule;
import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeSubject;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.registry.RegistryText;
import io.gpuledger.testkit.Inputs;
import io.gpuledger.testkit.Scenario;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Law 2 with registries that are applied while the job runs. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LiveChargingTest {
    private static final long MINUTE_MS = 60_000;
    private static final long START_MS = 946_684_800_000L;
    private static final int SHOWN = 5;
    private static final int SCENARIOS = Integer.getInteger("gpuledger.seeds", 24);
    private static final int ORDERS = Integer.getInteger("gpuledger.orders", 3);
    private static final List<String> GRANTS = List.of("g1", "g2", "g3");

    private final List<Scenario> scenarios = new ArrayList<>();
    private List<SinkRow> unmapped = List.of();
    private Registry first = Registry.EMPTY;
    private Registry last = Registry.EMPTY;

    @BeforeAll
    void backfill() throws Exception {
        scenarios.addAll(ScenarioChoice.of(3_000_000, 3_000_000 + SCENARIOS));
        unmapped = backfill(Registry.EMPTY);
        first = registry(new Random(1 + 2L * ScenarioChoice.FROM));
        last = registry(new Random(2 + 2L * ScenarioChoice.FROM));
    }

    private List<SinkRow> backfill(Registry registry) throws Exception {
        List<SinkRow> rows = new ArrayList<>();
        LiveRun run =
                new LiveRun(
                        AttributionSettings.backfill(0, 1), 1, 7, rows, null, state(1, registry));
        Deliveries.atOnce(Inputs.of(scenarios), run);
        run.close();
        return rows;
    }

    private static RegistryState state(long version, Registry registry) {
        return new RegistryState(version, RegistryText.of(registry));
    }

    /** What a registry changes is grant and charge, minute by minute as {@link Charging} says. */
    @Test
    void a_backfill_charges_every_holder_of_every_minute_and_hours_are_their_sums()
            throws Exception {
        List<SinkRow> charged = backfill(last);
        Charging charging = new Charging(last);
        Map<String, UsageReader.Stored> before = GraphRun.current(unmapped, SinkTable.USAGE_MINUTE);
        Map<String, UsageReader.Stored> after = GraphRun.current(charged, SinkTable.USAGE_MINUTE);
        assertThat(after.keySet()).isEqualTo(before.keySet());
        Map<String, Long> byHour = new HashMap<>();
        int mapped = 0;
        for (Map.Entry<String, UsageReader.Stored> entry : before.entrySet()) {
            UsageRow row = entry.getValue().row();
            List<UsageRow.Holder> expected = new ArrayList<>();
            for (UsageRow.Holder holder : row.holders()) {
                Charge charge = charging.at(subject(row, holder), row.windowStartMs());
                expected.add(charged(holder, charge));
                mapped += GRANTS.contains(charge.grantId()) ? 1 : 0;
                byHour.merge(
                        hour(row, charge.grantId()),
                        charge.chargedGpuUs(holder.gpuMs()),
                        Long::sum);
            }
            UsageReader.Stored is = after.get(entry.getKey());
            assertThat(is == null ? List.of() : is.row().holders()).isEqualTo(expected);
        }
        assertThat(mapped).isGreaterThan(100);
        Map<String, Long> hours = new HashMap<>();
        int cut = 0;
        for (UsageReader.Stored hour : GraphRun.current(charged, SinkTable.USAGE_HOUR).values()) {
            for (UsageRow.Holder h : hour.row().holders()) {
                hours.merge(hour(hour.row(), h.grantId()), h.chargedGpuUs(), Long::sum);
            }
            cut +=
                    hour.row().holders().stream()
                                            .filter(h -> h.bucket() == Bucket.ALLOCATED)
                                            .map(h -> h.runId() + h.instance())
                                            .distinct()
                                            .count()
                                    < hour.row().holders().stream()
                                            .filter(h -> h.bucket() == Bucket.ALLOCATED)
                                            .count()
                            ? 1
                            : 0;
        }
        assertThat(hours).isEqualTo(byHour);
        assertThat(cut).as("hours in which a grant changes").isPositive();
    }

    private static String hour(UsageRow row, String grant) {
        return "%s/%s/%d/%s/%d %s"
                .formatted(
                        row.cluster(),
                        row.host(),
                        row.gpuIndex(),
                        row.unplacedRun(),
                        Math.floorDiv(row.windowStartMs(), 60 * MINUTE_MS),
                        grant);
    }

    @ParameterizedTest
    @EnumSource(names = {"IN_ORDER", "SHUFFLED", "ALL"})
    void whenever_registries_are_applied_the_live_job_ends_with_the_rows_of_the_last(Fault fault)
            throws Exception {
        Map<String, Object> expected = charges(backfill(last));
        assertThat(SinkContents.differences(expected, charges(unmapped))).isNotEmpty();
        for (int n = 0; n < ORDERS; n++) {
            int seed = ScenarioChoice.FROM + n;
            List<SinkRow> rows = new ArrayList<>();
            Applying applying = new Applying(seed, rows);
            Deliveries.of(Inputs.of(scenarios), fault, seed)
                    .into(
                            new LiveRun(AttributionSettings.live(1), 1 + seed % 2, seed, rows),
                            applying)
                    .close();
            assertThat(applying.hasAppliedAll()).isTrue();
            List<String> differences = SinkContents.differences(expected, charges(rows));
            assertThat(differences.subList(0, Math.min(SHOWN, differences.size())))
                    .as("seed %d, %d keys differ", seed, differences.size())
                    .isEmpty();
        }
    }

    /** Who pays what for which time; what telemetry says is the business of other tests. */
    private static Map<String, Object> charges(List<SinkRow> rows) {
        Map<String, Object> charges = new TreeMap<>();
        SinkContents.current(rows)
                .forEach(
                        (key, content) -> {
                            if (content instanceof UsageRow row) {
                                charges.put(
                                        key,
                                        row.holders().stream()
                                                .map(
                                                        h ->
                                                                List.of(
                                                                        h.bucket(),
                                                                        h.runId(),
                                                                        h.instance(),
                                                                        h.grantId(),
                                                                        h.gpuMs(),
                                                                        h.chargedGpuUs()))
                                                .toList());
                            }
                        });
        return charges;
    }

    /** Applies two registries, the last one perhaps first, and fails and restores now and then. */
    private final class Applying implements Deliveries.Between {
        private final Random random;
        private final List<SinkRow> rows;
        private final int firstAt;
        private final int lastAt;
        private int step;
        private int failures;
        private LiveRun.@Nullable Checkpoint checkpoint;
        private Position read = new Position(0, 0);
        private int stepRead;
        private long checkpoints;

        Applying(long seed, List<SinkRow> rows) {
            this.random = new Random(seed);
            this.rows = rows;
            this.firstAt = random.nextInt(60);
            this.lastAt = random.nextInt(100);
        }

        boolean hasAppliedAll() {
            return step > 100;
        }

        @Override
        public Progress at(Progress progress) throws Exception {
            if (step == firstAt) {
                progress.run().registry(state(1, first));
            }
            if (step == lastAt) {
                progress.run().registry(state(2, last));
            }
            step++;
            int dice = random.nextInt(60);
            if (dice < 2) {
                checkpoint = progress.run().checkpoint(++checkpoints);
                read = progress.at();
                stepRead = step;
            } else if (dice < 4 && checkpoint != null && failures < 4) {
                failures++;
                progress.run().close();
                step = stepRead;
                return progress.back(
                        new LiveRun(
                                AttributionSettings.live(1),
                                1 + failures % 2,
                                random.nextLong(),
                                rows,
                                checkpoint),
                        read);
            }
            return progress;
        }
    }

    private static ChargeSubject subject(UsageRow row, UsageRow.Holder holder) {
        return new ChargeSubject(
                row.cluster(),
                holder.account(),
                holder.user(),
                holder.partition(),
                holder.qos(),
                "",
                holder.bucket(),
                "");
    }

    private static UsageRow.Holder charged(UsageRow.Holder h, Charge charge) {
        return new UsageRow.Holder(
                h.bucket(),
                h.runId(),
                h.jobId(),
                h.account(),
                h.user(),
                h.partition(),
                h.qos(),
                charge.grantId(),
                h.instance(),
                h.gpuMs(),
                charge.chargedGpuUs(h.gpuMs()),
                h.coveredMs(),
                h.activeGpuUs(),
                h.smActiveGpuUs(),
                h.tensorActiveGpuUs(),
                h.dramActiveGpuUs(),
                h.memoryMibMs(),
                h.energyMj(),
                h.heldIdleMs(),
                h.flags());
    }

    /** Mappings and policies over the accounts and times of the scenarios, without a fault. */
    private Registry registry(Random random) {
        List<UsageRow> rows = GraphRun.rows(unmapped, SinkTable.USAGE_MINUTE);
        List<Grant> grants = new ArrayList<>();
        for (String id : GRANTS) {
            grants.add(
                    new Grant(
                            id,
                            "t",
                            "p",
                            "",
                            "",
                            GrantKind.VOUCHER,
                            new Span(START_MS, 4_000_000_020_000L / MINUTE_MS * MINUTE_MS),
                            List.of(new BudgetLine.Funding(true, 0, START_MS, Span.OPEN_END, "")),
                            "",
                            Thresholds.STANDARD,
                            Enforcement.STANDARD));
        }
        List<String> clusters = rows.stream().map(UsageRow::cluster).distinct().sorted().toList();
        Registry registry =
                new Registry(clusters, grants, List.of(), List.of(), List.of(), List.of());
        for (int i = 0; i < 400; i++) {
            UsageRow row = rows.get(random.nextInt(rows.size()));
            if (row.holders().isEmpty()) {
                continue;
            }
            UsageRow.Holder h = row.holders().get(random.nextInt(row.holders().size()));
            if (h.account().isEmpty()) {
                continue;
            }
            boolean from = random.nextBoolean();
            List<AccountMapping> mappings = new ArrayList<>(registry.mappings());
            mappings.add(
                    new AccountMapping(
                            row.cluster(),
                            h.account(),
                            random.nextInt(4) == 0 ? h.user() : "",
                            random.nextInt(4) == 0 ? h.partition() : "",
                            "",
                            GRANTS.get(random.nextInt(GRANTS.size())),
                            new Span(
                                    from ? row.windowStartMs() : Effective.OPEN_START,
                                    from ? Span.OPEN_END : row.windowStartMs())));
            Registry next =
                    new Registry(clusters, grants, mappings, List.of(), List.of(), List.of());
            registry = RegistryRules.faults(next).isEmpty() ? next : registry;
        }
        long middle = rows.get(random.nextInt(rows.size())).windowStartMs();
        List<ChargePolicy> policies =
                List.of(
                        new ChargePolicy(
                                new Span(Effective.OPEN_START, middle),
                                false,
                                true,
                                true,
                                true,
                                List.of()),
                        new ChargePolicy(
                                new Span(middle, Span.OPEN_END),
                                true,
                                false,
                                true,
                                true,
                                List.of(
                                        new WeightRule("", "", "", "", Bucket.SUSPENDED, 333),
                                        new WeightRule("", "", "", "", null, 1_250))));
        return new Registry(clusters, grants, registry.mappings(), policies, List.of(), List.of());
    }
}
