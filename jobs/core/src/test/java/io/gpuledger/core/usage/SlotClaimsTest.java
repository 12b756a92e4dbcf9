package io.gpuledger.core.usage;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.time.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A window has the claims that one finds by looking at all of them, in the same order. */
class SlotClaimsTest {
    private static final int SEEDS = 2_000;
    private static final long LONGEST_MS = 40;

    @Test
    void a_window_has_what_reaches_into_it_and_nothing_else() {
        int several = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            List<Claim> all = new ArrayList<>();
            for (int i = random.nextInt(12); i > 0; i--) {
                all.add(claim(random));
            }
            SlotClaims claims = new SlotClaims(all);
            for (long from = -5; from < 110; from += 1 + random.nextInt(5)) {
                Span window = new Span(from, from + 1 + random.nextInt(20));
                List<Claim> expected =
                        all.stream()
                                .filter(c -> c.startMs() < window.endMs())
                                .filter(c -> window.startMs() < c.endMs())
                                .toList();
                assertThat(claims.within(window))
                        .as("seed %d, %s", seed, window)
                        .isEqualTo(expected);
                several += expected.size() > 1 ? 1 : 0;
            }
            assertThat(claims.all()).isEqualTo(all);
        }
        assertThat(several).isGreaterThan(SEEDS);
    }

    /** Some are empty, some alike. */
    private static Claim claim(Random random) {
        long start = random.nextInt(100);
        long end = start + random.nextLong(random.nextInt(4) == 0 ? 1 : LONGEST_MS);
        return new Claim(HolderKey.NOBODY, -1, 0, 0, 0, false, start, end, 0);
    }
}
