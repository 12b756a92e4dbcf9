package io.gpuledger.attribution;

import io.gpuledger.testkit.Generator;
import io.gpuledger.testkit.Kind;
import io.gpuledger.testkit.Scenario;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Which scenarios a test runs: half of them of one kind each, half mixed; or the one that {@code
 * -Dgpuledger.seed=17 -Dgpuledger.kinds=PLAIN,RESIZED} names, as a failure does. Others than every
 * build runs, in orders that no build has: {@code -Dgpuledger.from=100000}.
 */
final class ScenarioChoice {
    /** Added to the first seed of every test that draws scenarios or orders of them. */
    static final int FROM = Integer.getInteger("gpuledger.from", 0);

    private ScenarioChoice() {}

    static List<Scenario> of(int from, int to) {
        Long one = Long.getLong("gpuledger.seed");
        String named = System.getProperty("gpuledger.kinds");
        Set<Kind> kinds = EnumSet.noneOf(Kind.class);
        if (named == null) {
            kinds.addAll(EnumSet.allOf(Kind.class));
        } else {
            Arrays.stream(named.split(",", -1)).map(Kind::valueOf).forEach(kinds::add);
        }
        if (one != null) {
            return List.of(Generator.of(one, kinds));
        }
        List<Kind> each = List.copyOf(kinds);
        List<Scenario> scenarios = new ArrayList<>();
        for (int seed = FROM + from; seed < FROM + to; seed++) {
            scenarios.add(
                    seed % 2 == 0
                            ? Generator.of(seed, each.get(seed / 2 % each.size()))
                            : Generator.mixed(seed, kinds));
        }
        return scenarios;
    }
}
