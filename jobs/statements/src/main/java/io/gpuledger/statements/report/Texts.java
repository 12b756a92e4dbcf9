package io.gpuledger.statements.report;

import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.text.MessageFormat;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Properties;

/** Words, numbers and dates in one language. */
public final class Texts {
    private static final BigDecimal MS_PER_HOUR = BigDecimal.valueOf(3_600_000);
    private static final BigDecimal US_PER_HOUR = BigDecimal.valueOf(3_600_000_000L);
    private static final BigDecimal MJ_PER_KWH = BigDecimal.valueOf(3_600_000_000L);

    private final Properties texts = new Properties();
    private final Locale locale;

    /** A language that reports are written in. */
    public enum Language {
        EN(Locale.UK),
        DA(Locale.forLanguageTag("da-DK"));

        private final Locale locale;

        Language(Locale locale) {
            this.locale = locale;
        }

        /** As in {@code lang} attributes. */
        public String tag() {
            return locale.getLanguage();
        }
    }

    Texts(Language language) {
        locale = language.locale;
        String name = "/report/texts_" + language.tag() + ".properties";
        try (var in = Texts.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("resource " + name + " is not packaged");
            }
            texts.load(new InputStreamReader(in, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("reading " + name, e);
        }
    }

    /** A text, its places filled. */
    public String get(String key, Object... values) {
        String text = texts.getProperty(key);
        if (text == null) {
            throw new IllegalStateException("no text for " + key);
        }
        return values.length == 0 ? text : new MessageFormat(text, locale).format(values);
    }

    String hoursOfMs(long ms) {
        return decimal(BigDecimal.valueOf(ms).divide(MS_PER_HOUR, 1, RoundingMode.HALF_EVEN), 1);
    }

    String hoursOfUs(long us) {
        return decimal(BigDecimal.valueOf(us).divide(US_PER_HOUR, 1, RoundingMode.HALF_EVEN), 1);
    }

    String kwh(long millijoules) {
        return decimal(
                BigDecimal.valueOf(millijoules).divide(MJ_PER_KWH, 1, RoundingMode.HALF_EVEN), 1);
    }

    String kg(long grams) {
        return decimal(BigDecimal.valueOf(grams, 3).setScale(1, RoundingMode.HALF_EVEN), 1) + " kg";
    }

    /** Thousandths as a percentage; a dash where there is none. */
    String percent(long milli) {
        return milli < 0 ? "–" : decimal(BigDecimal.valueOf(milli, 1), 1) + " %";
    }

    String number(long value) {
        return decimal(BigDecimal.valueOf(value), 0);
    }

    String money(long minor, String currency, int digits) {
        return decimal(BigDecimal.valueOf(minor, digits), digits) + " " + currency;
    }

    /** A price as it was written, with two decimals at least; empty for none. */
    String price(String decimal) {
        if (decimal.isEmpty()) {
            return "";
        }
        BigDecimal price = new BigDecimal(decimal);
        return decimal(price, Math.max(2, price.scale()));
    }

    private String decimal(BigDecimal value, int digits) {
        DecimalFormat format =
                new DecimalFormat(
                        digits == 0 ? "#,##0" : "#,##0." + "0".repeat(digits),
                        DecimalFormatSymbols.getInstance(locale));
        format.setRoundingMode(RoundingMode.HALF_EVEN);
        // The typographic minus of some locales is not in every font.
        return format.format(value).replace('−', '-');
    }

    String date(long ms, ZoneId zone) {
        return date(Instant.ofEpochMilli(ms).atZone(zone).toLocalDate());
    }

    String date(LocalDate day) {
        return DateTimeFormatter.ofPattern(get("pattern.date"), locale).format(day);
    }

    String time(long ms, ZoneId zone) {
        return DateTimeFormatter.ofPattern(get("pattern.date") + " HH:mm:ss XXX", locale)
                .format(Instant.ofEpochMilli(ms).atZone(zone));
    }

    String month(YearMonth month) {
        return DateTimeFormatter.ofPattern("MMMM yyyy", locale).format(month);
    }
}
