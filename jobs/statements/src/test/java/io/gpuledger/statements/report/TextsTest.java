package io.gpuledger.statements.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What is said in one language is said in the other. */
class TextsTest {
    @Test
    void both_languages_have_the_same_texts_with_the_same_places() throws Exception {
        assertThat(places("da")).isEqualTo(places("en"));
    }

    private static Map<String, List<String>> places(String language) throws Exception {
        Properties texts = new Properties();
        try (var in =
                Objects.requireNonNull(
                        TextsTest.class.getResourceAsStream(
                                "/report/texts_" + language + ".properties"))) {
            texts.load(new InputStreamReader(in, StandardCharsets.UTF_8));
        }
        Map<String, List<String>> places = new TreeMap<>();
        Pattern place = Pattern.compile("\\{\\d}");
        for (String name : texts.stringPropertyNames()) {
            places.put(
                    name,
                    place.matcher(texts.getProperty(name))
                            .results()
                            .map(MatchResult::group)
                            .toList());
        }
        return places;
    }

    @Test
    void numbers_and_dates_are_those_of_the_language() {
        Texts english = new Texts(Texts.Language.EN);
        Texts danish = new Texts(Texts.Language.DA);
        assertThat(english.hoursOfMs(4_500_000_000L)).isEqualTo("1,250.0");
        assertThat(danish.hoursOfMs(-4_500_000_000L)).isEqualTo("-1.250,0");
        assertThat(danish.money(-123_456, "DKK", 2)).isEqualTo("-1.234,56 DKK");
        assertThat(danish.price("21.5")).isEqualTo("21,50");
        assertThat(english.price("24.005")).isEqualTo("24.005");
        assertThat(danish.date(LocalDate.of(2026, 10, 1))).isEqualTo("1. oktober 2026");
        assertThat(english.percent(-1)).as("unknown is not zero").isEqualTo("–");
        assertThat(danish.get("summary.active", "5 %", "1,0")).contains("GPU'erne aktive 5 %");
    }

    @Test
    void a_spreadsheet_takes_no_cell_for_a_formula() {
        assertThat(Csv.line(List.of("=1+1", "-12", "-x", "a,b", "say \"x\"")))
                .isEqualTo("'=1+1,-12,'-x,\"a,b\",\"say \"\"x\"\"\"\n");
    }
}
