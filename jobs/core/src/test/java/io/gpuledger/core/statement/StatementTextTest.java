package io.gpuledger.core.statement;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.registry.Adjustment;
import io.gpuledger.core.registry.Effective;
import io.gpuledger.core.registry.Price;
import io.gpuledger.core.registry.PriceList;
import io.gpuledger.core.registry.Registry;
import java.math.BigDecimal;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The bytes of a statement are for ever: this text may not change. */
class StatementTextTest {
    private static final Period MAY = new Period(YearMonth.of(2026, 5), ZoneId.of("UTC"));

    @Test
    void a_statement_has_the_text_it_always_had() {
        long may = MAY.span().startMs();
        Knowledge now =
                Knowledge.of(
                        MAY.span().endMs() + 86_400_000L,
                        0,
                        Registry.EMPTY,
                        List.of(
                                new KnownUsage(
                                        "unmapped",
                                        "north \"1\"\n",
                                        "h100",
                                        may,
                                        7_200_000,
                                        7_200_000_000L)));
        Statement statement =
                new Statements(Knowledge.NONE, now, MAY, "").of("unmapped", 1, "").orElseThrow();

        assertThat(statement.text())
                .isEqualTo(
                        """
                        {"format":"gpu-ledger-statement-1","statement":"unmapped/2026-05","grant":"unmapped",\
                        "title":"","pi":"","institution":"","funder":"","kind":"","period":"2026-05",\
                        "from":"2026-05-01T00:00:00Z","to":"2026-06-01T00:00:00Z","zone":"UTC","hours":744,\
                        "sequence":1,"known_at":"2026-06-02T00:00:00Z","previous_known_at":"",\
                        "registry_version":0,"override":"","clusters":["north \\"1\\"\\u000a"],\
                        "lines":[{"line":1,"kind":"usage","period":"2026-05","cluster":"north \\"1\\"\\u000a",\
                        "gpu_model":"h100","price":"","currency":"","adjustment":"","gpu_ms":7200000,\
                        "charged_gpu_us":7200000000,"credited_gpu_us":0,"amount_minor":0,"note":""}],\
                        "total":{"gpu_ms":7200000,"charged_gpu_us":7200000000,"credited_gpu_us":0,"amount_minor":{}},\
                        "budget":{"limited":false,"opening_gpu_us":0,"given_gpu_us":0,"credited_gpu_us":0,\
                        "used_gpu_us":7200000000,"corrected_gpu_us":0,"other_gpu_us":0,"closing_gpu_us":0},\
                        "previous_digest":""}
                        """);
        assertThat(statement.digest())
                .isEqualTo("ca653ebcb24500e1276158ad0b2f31170f4d2274eea0b181700646624df28832");
    }

    @Test
    void money_is_rounded_half_even_once() {
        assertThat(Money.amountMinor(3_600_000_000L, new BigDecimal("0.005"), "DKK")).isZero();
        assertThat(Money.amountMinor(3_600_000_000L, new BigDecimal("0.015"), "DKK")).isEqualTo(2);
        assertThat(Money.amountMinor(-3_600_000_000L, new BigDecimal("0.015"), "DKK"))
                .isEqualTo(-2);
        assertThat(Money.amountMinor(3_600_000_000L, new BigDecimal("0.5"), "JPY")).isZero();
        assertThat(Money.text(-123, "DKK")).isEqualTo("-1.23");
    }

    @Test
    void what_a_list_has_no_price_for_is_told() {
        PriceList list =
                new PriceList(
                        "p", "DKK", List.of(new Price("h100", Effective.ALWAYS, BigDecimal.ONE)));
        assertThat(list.at("b200", 0)).isEmpty();
        StatementLine line =
                new StatementLine(
                        1,
                        StatementLine.Kind.USAGE,
                        LineKey.usage(MAY, "c", "b200", "", "DKK"),
                        new Figures(1, 1_000, 0, 0),
                        "");
        assertThat(line.isUnpriced()).isTrue();
    }

    @Test
    void prices_that_change_within_an_hour_are_named() {
        long halfPast = MAY.span().startMs() + 1_800_000;
        PriceList list =
                new PriceList(
                        "p",
                        "DKK",
                        List.of(
                                new Price(
                                        "",
                                        new io.gpuledger.core.time.Span(halfPast, Long.MAX_VALUE),
                                        BigDecimal.ONE)));
        Registry registry =
                new Registry(
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of(list),
                        List.<Adjustment>of());

        assertThat(Cuts.undividable(registry, halfPast)).as("still to come").isEmpty();
        assertThat(Cuts.undividable(registry, halfPast + 1))
                .singleElement()
                .asString()
                .contains("price list p changes at 2026-05-01T00:30:00Z");
        assertThat(new Knowledge(1, 1, registry, Map.of()).grants()).isEmpty();
    }
}
