package io.gpuledger.statements.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuledger.core.statement.Money;
import io.gpuledger.core.statement.Period;
import io.gpuledger.statements.Explanation;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * A statement as rows of FOCUS 1.3, cost and usage: one for each line, or one for each part of a
 * line of which something was shared or idle ({@link CostSplit}). What is billed is the statement's
 * amount, rounded; list and contracted cost are price times quantity, as the specification has
 * them. A null is an empty cell.
 */
final class FocusExport {
    private static final BigDecimal US_PER_HOUR = BigDecimal.valueOf(3_600_000_000L);
    private static final BigDecimal MS_PER_HOUR = BigDecimal.valueOf(3_600_000);
    private static final String UNIT = "GPU-Hours";

    /** Of grants that pay no money: all costs are 0. */
    private static final String NO_CURRENCY = "DKK";

    private static final List<String> COLUMNS =
            List.of(
                    "AllocatedMethodDetails",
                    "AllocatedMethodId",
                    "AllocatedResourceId",
                    "AllocatedResourceName",
                    "AllocatedTags",
                    "BilledCost",
                    "BillingAccountId",
                    "BillingAccountName",
                    "BillingAccountType",
                    "BillingCurrency",
                    "BillingPeriodEnd",
                    "BillingPeriodStart",
                    "ChargeCategory",
                    "ChargeClass",
                    "ChargeDescription",
                    "ChargeFrequency",
                    "ChargePeriodEnd",
                    "ChargePeriodStart",
                    "ConsumedQuantity",
                    "ConsumedUnit",
                    "ContractedCost",
                    "ContractedUnitPrice",
                    "EffectiveCost",
                    "HostProviderName",
                    "InvoiceId",
                    "InvoiceIssuerName",
                    "ListCost",
                    "ListUnitPrice",
                    "PricingCategory",
                    "PricingQuantity",
                    "PricingUnit",
                    "ProviderName",
                    "PublisherName",
                    "RegionId",
                    "RegionName",
                    "ResourceId",
                    "ResourceName",
                    "ResourceType",
                    "ServiceCategory",
                    "ServiceName",
                    "ServiceProviderName",
                    "ServiceSubcategory",
                    "SkuId",
                    "SkuPriceId",
                    "SubAccountId",
                    "SubAccountName",
                    "SubAccountType",
                    "Tags");

    private static final String METHOD = "gpu-ledger-use-1";

    private final JsonNode statement;
    private final String issuer;
    private final IntFunction<List<Explanation.Part>> partsOfLine;

    /**
     * Prepares the rows.
     *
     * @param issuer who runs the site
     * @param partsOfLine by its number
     */
    FocusExport(
            JsonNode statement, String issuer, IntFunction<List<Explanation.Part>> partsOfLine) {
        this.statement = statement;
        this.issuer = issuer;
        this.partsOfLine = partsOfLine;
    }

    String csv() {
        StringBuilder csv = new StringBuilder(Csv.line(COLUMNS));
        for (JsonNode line : statement.path("lines")) {
            for (Map<String, String> row : rows(line)) {
                csv.append(Csv.line(COLUMNS.stream().map(c -> row.getOrDefault(c, "")).toList()));
            }
        }
        return csv.toString();
    }

    private List<Map<String, String>> rows(JsonNode line) {
        Map<String, String> whole = row(line);
        if (!line.path("adjustment").asText().isEmpty()) {
            return List.of(whole);
        }
        List<CostSplit.Part> split =
                CostSplit.of(
                        partsOfLine.apply(line.path("line").asInt()),
                        line.path("amount_minor").asLong());
        if (split.isEmpty()) {
            return List.of(whole);
        }
        List<Map<String, String>> rows = new ArrayList<>();
        long chargedBefore = 0;
        long heldBefore = 0;
        for (CostSplit.Part part : split) {
            Map<String, String> row = allocated(whole, line, part);
            quantities(row, line.path("price").asText(), part, chargedBefore, heldBefore);
            rows.add(row);
            chargedBefore += part.chargedGpuUs();
            heldBefore += part.heldMs();
        }
        return rows;
    }

    /** What can be summed sums to the line: each is the difference of two that were rounded. */
    private static void quantities(
            Map<String, String> row,
            String price,
            CostSplit.Part part,
            long chargedBefore,
            long heldBefore) {
        BigDecimal quantity =
                hours(chargedBefore + part.chargedGpuUs(), US_PER_HOUR)
                        .subtract(hours(chargedBefore, US_PER_HOUR));
        if (!price.isEmpty()) {
            String contracted = text(quantity.multiply(new BigDecimal(price)));
            row.put("ContractedCost", contracted);
            row.put("ListCost", contracted);
        }
        row.put("PricingQuantity", text(quantity));
        row.put(
                "ConsumedQuantity",
                text(
                        hours(heldBefore + part.heldMs(), MS_PER_HOUR)
                                .subtract(hours(heldBefore, MS_PER_HOUR))));
        row.put(
                "AllocatedMethodDetails",
                "{\"Elements\":[{\"AllocatedRatio\":%s,\"UsageUnit\":\"%s\",\"UsageQuantity\":%s}]}"
                        .formatted(text(part.ratio()), UNIT, text(quantity)));
    }

    /** A part of a line: dimensions and prices are the line's. */
    private static Map<String, String> allocated(
            Map<String, String> whole, JsonNode line, CostSplit.Part part) {
        String currency = line.path("currency").asText();
        BigDecimal billed =
                currency.isEmpty()
                        ? BigDecimal.ZERO
                        : BigDecimal.valueOf(part.amountMinor(), Money.digits(currency));
        Map<String, String> row = new LinkedHashMap<>(whole);
        row.put("BilledCost", text(billed));
        row.put("EffectiveCost", text(billed));
        row.put("ContractedCost", text(billed));
        row.put("ListCost", text(billed));
        row.put("AllocatedMethodId", METHOD);
        row.put(
                "AllocatedResourceId",
                "%s/%s".formatted(line.path("cluster").asText(), part.use().id));
        row.put("AllocatedResourceName", part.use().title);
        return row;
    }

    private Map<String, String> row(JsonNode line) {
        boolean credit = !line.path("adjustment").asText().isEmpty();
        boolean correction = line.path("kind").asText().equals("correction");
        String currency = line.path("currency").asText();
        String price = line.path("price").asText();
        String model = line.path("gpu_model").asText();
        String cluster = line.path("cluster").asText();
        BigDecimal billed =
                currency.isEmpty()
                        ? BigDecimal.ZERO
                        : BigDecimal.valueOf(
                                line.path("amount_minor").asLong(), Money.digits(currency));
        BigDecimal quantity = hours(line.path("charged_gpu_us").asLong(), US_PER_HOUR);
        BigDecimal contracted =
                credit || price.isEmpty() ? billed : quantity.multiply(new BigDecimal(price));
        Map<String, String> row = new LinkedHashMap<>();
        row.put("BilledCost", text(billed));
        row.put("EffectiveCost", text(billed));
        row.put("ContractedCost", text(contracted));
        row.put("ListCost", text(contracted));
        row.put("BillingAccountId", statement.path("grant").asText());
        row.put(
                "BillingAccountName",
                statement.path("title").asText().isEmpty()
                        ? statement.path("grant").asText()
                        : statement.path("title").asText());
        row.put("BillingAccountType", "Grant");
        row.put("BillingCurrency", currency.isEmpty() ? NO_CURRENCY : currency);
        row.put("BillingPeriodStart", statement.path("from").asText());
        row.put("BillingPeriodEnd", statement.path("to").asText());
        Period period =
                new Period(
                        YearMonth.parse(line.path("period").asText()),
                        ZoneId.of(statement.path("zone").asText()));
        row.put("ChargePeriodStart", Instant.ofEpochMilli(period.span().startMs()).toString());
        row.put("ChargePeriodEnd", Instant.ofEpochMilli(period.span().endMs()).toString());
        row.put("ChargeCategory", credit ? "Credit" : "Usage");
        row.put("ChargeClass", correction ? "Correction" : "");
        row.put("ChargeFrequency", credit ? "One-Time" : "Usage-Based");
        row.put(
                "ChargeDescription",
                credit
                        ? line.path("adjustment").asText() + ": " + line.path("note").asText()
                        : "GPU time on %s%s"
                                .formatted(cluster, model.isEmpty() ? "" : ", " + model));
        if (!credit) {
            String sku = model.isEmpty() ? "GPU" : model;
            row.put("SkuId", sku);
            row.put("SkuPriceId", sku);
            row.put("PricingCategory", "Standard");
            row.put("PricingQuantity", text(quantity));
            row.put("PricingUnit", UNIT);
            row.put("ConsumedQuantity", text(hours(line.path("gpu_ms").asLong(), MS_PER_HOUR)));
            row.put("ConsumedUnit", UNIT);
            row.put("ContractedUnitPrice", price);
            row.put("ListUnitPrice", price);
            row.put("SubAccountId", cluster);
            row.put("SubAccountName", cluster);
            row.put("SubAccountType", "Cluster");
        }
        row.put("InvoiceId", statement.path("statement").asText());
        for (String name :
                List.of(
                        "InvoiceIssuerName",
                        "ProviderName",
                        "PublisherName",
                        "HostProviderName",
                        "ServiceProviderName")) {
            row.put(name, issuer);
        }
        row.put("ServiceCategory", "Compute");
        row.put("ServiceSubcategory", "Other (Compute)");
        row.put("ServiceName", "GPU cluster");
        return row;
    }

    private static BigDecimal hours(long parts, BigDecimal perHour) {
        return BigDecimal.valueOf(parts).divide(perHour, 9, RoundingMode.HALF_EVEN);
    }

    private static String text(BigDecimal value) {
        return value.signum() == 0 ? "0" : value.stripTrailingZeros().toPlainString();
    }
}
