package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.run.Run;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class HostRunStateTest {
    private static final int HOSTS = 16_000;
    private static final int GPUS = 8;

    /** Counts how often any element is looked at. */
    private static final class Counted extends AbstractList<Holding> {
        private final List<Holding> holdings = new ArrayList<>();
        private long looks;

        @Override
        public Holding get(int index) {
            looks++;
            return holdings.get(index);
        }

        @Override
        public int size() {
            return holdings.size();
        }
    }

    @Test
    void each_holding_of_a_large_run_is_looked_at_once() {
        Counted holdings = new Counted();
        for (int gpu = 0; gpu < GPUS; gpu++) {
            for (int host = 0; host < HOSTS; host++) {
                holdings.holdings.add(new Holding("n" + host, gpu, "h100", 0, 1, 1_000, 9_000));
            }
        }

        Map<String, HostRunState> byHost = HostRunState.byHost(run(holdings));

        assertThat(holdings.looks).isEqualTo((long) HOSTS * GPUS);
        assertThat(byHost).hasSize(HOSTS);
        assertThat(on(byHost, "n15999").gpuIndex).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(on(byHost, "n15999").overheadUntilMs).isEqualTo(9_500);
        assertThat(on(byHost, "n0").overheadUntilMs).isZero();
    }

    @Test
    void what_a_run_still_blocks_is_evidence_of_its_last_cards_only() {
        List<Holding> holdings =
                List.of(
                        new Holding("n15999", 0, "h100", 0, 1, 1_000, 5_000),
                        new Holding("n15999", 1, "h100", 0, 1, 1_000, 9_000));

        HostRunState state = on(HostRunState.byHost(run(holdings)), "n15999");

        assertThat(state.evidenceEndMs(0)).isEqualTo(5_000);
        assertThat(state.evidenceEndMs(1)).isEqualTo(9_500);
    }

    private static HostRunState on(Map<String, HostRunState> byHost, String host) {
        return Objects.requireNonNull(byHost.get(host), host);
    }

    private static Run run(List<Holding> holdings) {
        return new Run(
                "c/1/1",
                1,
                "1",
                "g1",
                "alice",
                "batch",
                "normal",
                "job",
                "COMPLETED",
                null,
                1_000,
                9_000,
                Long.MAX_VALUE,
                holdings.size(),
                holdings,
                List.of(),
                Map.of("n15999", 9_500L),
                List.of(),
                0,
                Run.NO_LIMIT);
    }
}
