package io.gpuledger.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** One figure of several runs. */
record Figures(double median, double min, double max) {
    private static final ObjectMapper JSON = new ObjectMapper();

    static <T> Figures of(List<T> runs, ToDoubleFunction<? super T> figure) {
        double[] sorted = runs.stream().mapToDouble(figure).sorted().toArray();
        int middle = sorted.length / 2;
        double median =
                sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Figures(median, sorted[0], sorted[sorted.length - 1]);
    }

    ObjectNode json() {
        return JSON.createObjectNode().put("median", median).put("min", min).put("max", max);
    }
}
