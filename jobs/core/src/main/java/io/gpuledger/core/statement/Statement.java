package io.gpuledger.core.statement;

import io.gpuledger.core.registry.Grant;
import io.gpuledger.core.registry.GrantKind;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The frozen account of a grant for a month.
 *
 * @param grant as the registry then said; empty for usage without a grant, or of one that was
 *     removed
 * @param sequence counts the statements of the grant, from 1
 * @param knownAtMs the knowledge time
 * @param previousKnownAtMs that of the month before, 0 for none
 * @param registryVersion in force at the knowledge time
 * @param override why it was closed although something was open, else empty
 * @param previousDigest of the statement before, empty for the first
 */
public record Statement(
        String grantId,
        Optional<Grant> grant,
        Period period,
        long sequence,
        long knownAtMs,
        long previousKnownAtMs,
        long registryVersion,
        String override,
        String previousDigest,
        List<StatementLine> lines,
        BudgetStanding budget) {
    /** The form of the text. A statement keeps the form that it was closed with. */
    public static final String FORMAT = "gpu-ledger-statement-1";

    public Statement {
        lines = List.copyOf(lines);
    }

    /** As {@code dcai-2026-001/2026-10}. */
    public String id() {
        return grantId + "/" + period.name();
    }

    /** The sum of all lines. */
    public Figures total() {
        Figures sum = Figures.NONE;
        for (StatementLine line : lines) {
            sum = sum.plus(line.figures());
        }
        return new Figures(sum.gpuMs(), sum.chargedGpuUs(), sum.creditedGpuUs(), 0);
    }

    /** To pay, by currency, in its smallest unit. */
    public SortedMap<String, Long> amounts() {
        SortedMap<String, Long> amounts = new TreeMap<>();
        for (StatementLine line : lines) {
            if (!line.key().currency().isEmpty()) {
                amounts.merge(line.key().currency(), line.figures().amountMinor(), Math::addExact);
            }
        }
        return amounts;
    }

    /** Where the usage was. */
    public SortedSet<String> clusters() {
        SortedSet<String> clusters = new TreeSet<>();
        for (StatementLine line : lines) {
            if (!line.key().cluster().isEmpty()) {
                clusters.add(line.key().cluster());
            }
        }
        return clusters;
    }

    /** The canonical text: the same statement is the same bytes. */
    public String text() {
        CanonicalJson json = new CanonicalJson();
        json.open('{').field("format", FORMAT);
        json.field("statement", id()).field("grant", grantId);
        json.field("title", grant.map(Grant::title).orElse(""));
        json.field("pi", grant.map(Grant::pi).orElse(""));
        json.field("institution", grant.map(Grant::institution).orElse(""));
        json.field("funder", grant.map(Grant::funder).orElse(""));
        json.field("kind", grant.map(Grant::kind).map(Statement::word).orElse(""));
        json.field("period", period.name());
        json.field("from", time(period.span().startMs())).field("to", time(period.span().endMs()));
        json.field("zone", period.zone().getId()).field("hours", period.hours());
        json.field("sequence", sequence);
        json.field("known_at", time(knownAtMs));
        json.field("previous_known_at", previousKnownAtMs == 0 ? "" : time(previousKnownAtMs));
        json.field("registry_version", registryVersion);
        json.field("override", override);
        json.name("clusters").open('[');
        clusters().forEach(json::value);
        json.close(']').name("lines").open('[');
        lines.forEach(line -> line(json, line));
        json.close(']').name("total").open('{');
        Figures total = total();
        json.field("gpu_ms", total.gpuMs()).field("charged_gpu_us", total.chargedGpuUs());
        json.field("credited_gpu_us", total.creditedGpuUs()).name("amount_minor").open('{');
        amounts().forEach(json::field);
        json.close('}').close('}').name("budget").open('{');
        json.field("limited", budget.limited());
        json.field("opening_gpu_us", budget.opening()).field("given_gpu_us", budget.given());
        json.field("credited_gpu_us", budget.credited()).field("used_gpu_us", budget.used());
        json.field("corrected_gpu_us", budget.corrected()).field("other_gpu_us", budget.other());
        json.field("closing_gpu_us", budget.closing()).close('}');
        json.field("previous_digest", previousDigest).close('}');
        return json.text();
    }

    private static void line(CanonicalJson json, StatementLine line) {
        LineKey key = line.key();
        Figures figures = line.figures();
        json.open('{').field("line", line.number()).field("kind", word(line.kind()));
        json.field("period", key.period()).field("cluster", key.cluster());
        json.field("gpu_model", key.gpuModel()).field("price", key.price());
        json.field("currency", key.currency()).field("adjustment", key.adjustmentId());
        json.field("gpu_ms", figures.gpuMs()).field("charged_gpu_us", figures.chargedGpuUs());
        json.field("credited_gpu_us", figures.creditedGpuUs());
        json.field("amount_minor", figures.amountMinor()).field("note", line.note()).close('}');
    }

    private static String word(Enum<?> word) {
        return word.name().toLowerCase(Locale.ROOT);
    }

    private static String time(long ms) {
        return Instant.ofEpochMilli(ms).toString();
    }

    /** SHA-256 of the text, which names the statement before: none can be changed alone. */
    public String digest() {
        return digest(text());
    }

    /** SHA-256, in hexadecimal. */
    public static String digest(String text) {
        try {
            return HexFormat.of()
                    .formatHex(
                            MessageDigest.getInstance("SHA-256")
                                    .digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Lines that a list has no price for. */
    public List<StatementLine> unpriced() {
        return new ArrayList<>(lines.stream().filter(StatementLine::isUnpriced).toList());
    }

    /** Whether the grant pays for research with hours, not money. */
    public boolean isVoucher() {
        return grant.map(g -> g.kind() == GrantKind.VOUCHER).orElse(false);
    }
}
