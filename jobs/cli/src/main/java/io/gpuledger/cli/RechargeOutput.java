package io.gpuledger.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import io.gpuledger.core.registry.BudgetLine;
import io.gpuledger.core.registry.Recharge;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a registry would change, per grant and month, for people and programs. */
final class RechargeOutput {
    private static final BigDecimal GPU_HOUR_MS = BigDecimal.valueOf(3_600_000);

    private RechargeOutput() {}

    static void json(List<Recharge.Line> lines, ArrayNode into) {
        for (Recharge.Line line : lines) {
            into.addObject()
                    .put("grant", line.grantId())
                    .put("month", line.period())
                    .put("gpu_ms_now", line.now().gpuMs())
                    .put("gpu_ms_then", line.then().gpuMs())
                    .put("charged_gpu_us_now", line.now().chargedGpuUs())
                    .put("charged_gpu_us_then", line.then().chargedGpuUs());
        }
    }

    static String table(List<Recharge.Line> lines) {
        TextTable table =
                new TextTable(
                        2,
                        List.of(
                                "grant",
                                "month",
                                "held h now",
                                "held h then",
                                "charged h now",
                                "charged h then",
                                "difference h"));
        for (Recharge.Line line : lines) {
            table.add(
                    List.of(
                            line.grantId(),
                            line.period(),
                            ofMs(line.now().gpuMs()),
                            ofMs(line.then().gpuMs()),
                            ofUs(line.now().chargedGpuUs()),
                            ofUs(line.then().chargedGpuUs()),
                            signed(line.then().chargedGpuUs() - line.now().chargedGpuUs())));
        }
        return table.toString();
    }

    /** What the rows do not tell, if there is any of it. */
    static Optional<String> undecided(long gpuMs) {
        return gpuMs == 0
                ? Optional.empty()
                : Optional.of(
                        "%s held h keep their charge: their weight depends on the model, and the ledger does not say what the scheduler calls those cards; backfill --replace writes it"
                                .formatted(ofMs(gpuMs)));
    }

    private static String signed(long gpuUs) {
        return (gpuUs > 0 ? "+" : "") + ofUs(gpuUs);
    }

    static String ofMs(long gpuMs) {
        return text(BigDecimal.valueOf(gpuMs).divide(GPU_HOUR_MS, 3, RoundingMode.HALF_EVEN));
    }

    static String ofUs(long gpuUs) {
        return text(
                BigDecimal.valueOf(gpuUs)
                        .divide(
                                BigDecimal.valueOf(BudgetLine.GPU_US_PER_GPU_HOUR),
                                3,
                                RoundingMode.HALF_EVEN));
    }

    private static String text(BigDecimal hours) {
        return String.format(Locale.ROOT, "%,.3f", hours);
    }
}
