package io.gpuledger.attribution;

import io.gpuledger.testkit.*;
import org.junit.jupiter.api.Test;

class DebugTest {
    @Test
    void show() {
        Scenario s =
                Generator.of(
                        Long.getLong("gpuledger.seed"),
                        Kind.valueOf(System.getProperty("gpuledger.kind")));
        long job = Long.getLong("gpuledger.job");
        for (var r : Inputs.of(s).jobs())
            if (r.getRawJobId() == job)
                System.out.println(
                        r.getSource()
                                + " obs="
                                + r.getObservedAtMs()
                                + " st="
                                + r.getState()
                                + " sub="
                                + r.getSubmitMs()
                                + " start="
                                + r.getStartMs()
                                + " end="
                                + r.getEndMs()
                                + " rc="
                                + r.getRestartCount()
                                + " susAt="
                                + r.getSuspendAtMs()
                                + " pre="
                                + r.getRunningBeforeSuspendMs()
                                + " tot="
                                + r.getSuspendedTotalMs()
                                + " n="
                                + r.getNodes()
                                + " d="
                                + r.getDevices().size());
        System.out.println(s.runs().stream().filter(r -> r.jobId() == job).toList());
        System.out.println("polls " + s.watch().polls());
    }
}
