package io.gpuledger.core.statement;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.testkit.StatedSite;
import io.gpuledger.testkit.StatementOracle;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Months of simulated sites, closed one after the other, against an oracle that adds hours up. */
class StatementsPropertyTest {
    private static final ZoneId COPENHAGEN = ZoneId.of("Europe/Copenhagen");

    private final Map<String, Statement> last = new HashMap<>();
    private final SortedMap<String, StatementOracle.Sum> stated = new TreeMap<>();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void all_statements_together_say_what_the_ledger_says(long seed) {
        StatedSite site = new StatedSite(seed, YearMonth.of(2026, 2), 5, COPENHAGEN, 12);
        StatementOracle oracle = new StatementOracle(site);
        SiteBooks books = new SiteBooks(site);
        Knowledge before = Knowledge.NONE;
        int corrections = 0;
        for (StatedSite.Closing closing : site.closings()) {
            Knowledge now = books.at(closing.knownAtMs(), closing.month());
            Period period = new Period(closing.month(), COPENHAGEN);
            Statements statements = new Statements(before, now, period, "");
            List<String> grants = new ArrayList<>(now.grants());
            before.grants().stream().filter(g -> !grants.contains(g)).forEach(grants::add);
            for (String grant : grants) {
                Statement previous = last.get(grant);
                statements
                        .of(
                                grant,
                                previous == null ? 1 : previous.sequence() + 1,
                                previous == null ? "" : previous.digest())
                        .ifPresent(this::take);
            }
            String month = closing.month().toString();
            SortedMap<String, StatementOracle.Sum> ledger = oracle.ledger(closing.knownAtMs());
            ledger.keySet()
                    .removeIf(key -> key.substring(key.indexOf('/') + 1).compareTo(month) > 0);
            assertThat(stated).as("after %s", month).isEqualTo(ledger);
            for (String grant : List.of("voucher", "yen", "ended")) {
                Statement statement = last.get(grant);
                if (statement != null && statement.period().equals(period)) {
                    assertThat(statement.budget().closing())
                            .as("left of %s", statement.id())
                            .isEqualTo(oracle.left(grant, closing.month(), closing.knownAtMs()));
                }
            }
            for (Statement statement : last.values()) {
                corrections +=
                        (int)
                                statement.lines().stream()
                                        .filter(l -> l.kind() == StatementLine.Kind.CORRECTION)
                                        .count();
            }
            before = now;
        }
        assertThat(corrections).isPositive();
        assertThat(statement("ended").sequence())
                .as("statements of a grant whose term is one month")
                .isGreaterThan(1);
        assertThat(statement("voucher").budget().closing()).as("an overrun").isNegative();
    }

    private Statement statement(String grant) {
        return Objects.requireNonNull(last.get(grant), grant);
    }

    private void take(Statement statement) {
        Statement previous = last.put(statement.grantId(), statement);
        BudgetStanding b = statement.budget();
        if (b.limited()) {
            assertThat(
                            b.opening()
                                    + b.given()
                                    + b.credited()
                                    - b.used()
                                    - b.corrected()
                                    + b.other())
                    .isEqualTo(b.closing());
            assertThat(b.opening())
                    .as("opening of %s", statement.id())
                    .isEqualTo(previous == null ? 0 : previous.budget().closing());
        }
        for (StatementLine line : statement.lines()) {
            Figures f = line.figures();
            stated.merge(
                    statement.grantId() + "/" + line.key().period(),
                    new StatementOracle.Sum(
                            f.gpuMs(), f.chargedGpuUs(), f.creditedGpuUs(), f.amountMinor()),
                    (a, c) ->
                            a.plus(
                                    c.gpuMs(),
                                    c.chargedGpuUs(),
                                    c.creditedGpuUs(),
                                    c.amountMinor()));
        }
        stated.values().removeIf(StatementOracle.Sum.NONE::equals);
    }

    @Test
    void months_have_the_hours_of_their_zone() {
        assertThat(new Period(YearMonth.of(2026, 3), COPENHAGEN).hours()).isEqualTo(743);
        assertThat(new Period(YearMonth.of(2026, 10), COPENHAGEN).hours()).isEqualTo(745);
        assertThat(new Period(YearMonth.of(2026, 10), COPENHAGEN).hasWholeHours()).isTrue();
        assertThat(new Period(YearMonth.of(2026, 10), ZoneId.of("Asia/Kolkata")).hasWholeHours())
                .isFalse();
    }
}
