package io.gpuledger.statements.report;

import java.util.List;
import java.util.Locale;

/** Pictures as SVG, drawn by hand: a page needs no script, and print has no pixels. */
final class Chart {
    static final int WIDTH = 680;
    private static final int HEIGHT = 190;
    private static final int LEFT = 56;
    private static final int RIGHT = 8;
    private static final int TOP = 10;
    private static final int BOTTOM = 24;

    /**
     * Part of a bar.
     *
     * @param color a class of the style sheet
     */
    record Part(String color, double value) {}

    /** One bar, its parts from the bottom up. */
    record Bar(String label, List<Part> parts) {
        double sum() {
            return parts.stream().mapToDouble(Part::value).sum();
        }
    }

    /** A point of a line. */
    record Point(double x, double y) {}

    private final StringBuilder svg = new StringBuilder();
    private final double most;
    private final double least;
    private final String title;

    private Chart(String title, double least, double most) {
        this.title = title;
        this.least = least;
        this.most = most;
    }

    /** Bars beside each other. */
    static String bars(String title, List<Bar> bars, boolean isPercent) {
        double most = bars.stream().mapToDouble(Bar::sum).max().orElse(0);
        Chart chart = new Chart(title, 0, isPercent ? 100 : nice(most));
        chart.axis();
        double step = (double) (WIDTH - LEFT - RIGHT) / Math.max(1, bars.size());
        for (int i = 0; i < bars.size(); i++) {
            double x = LEFT + i * step + step * 0.12;
            double from = 0;
            for (Part part : bars.get(i).parts()) {
                double y1 = chart.y(from);
                double y2 = chart.y(from + part.value());
                if (y1 - y2 > 0.01) {
                    chart.rect(part.color(), x, y2, step * 0.76, y1 - y2);
                }
                from += part.value();
            }
            if (bars.size() <= 16 || i % 2 == 0) {
                chart.text(x + step * 0.38, HEIGHT - 8, "middle", bars.get(i).label());
            }
        }
        return chart.done();
    }

    /**
     * A line, and how it may go on.
     *
     * @param x labels below, by their place
     * @param limitX where a vertical line is, negative for none
     */
    static String burnDown(
            String title, List<Point> line, List<Point> forecast, List<Bar> x, double limitX) {
        double most = line.stream().mapToDouble(Point::y).max().orElse(0);
        double least = Math.min(0, line.stream().mapToDouble(Point::y).min().orElse(0));
        double right = Math.max(limitX, line.get(line.size() - 1).x());
        for (Point point : forecast) {
            right = Math.max(right, point.x());
        }
        double left = line.get(0).x();
        Chart chart = new Chart(title, least < 0 ? -nice(-least) : 0, nice(most));
        chart.axis();
        double scale = (WIDTH - LEFT - RIGHT - 4) / Math.max(1, right - left);
        if (limitX >= left) {
            double at = LEFT + (limitX - left) * scale;
            chart.line("limit", at, TOP, at, HEIGHT - BOTTOM);
        }
        for (Bar label : x) {
            double at = LEFT + (label.sum() - left) * scale;
            chart.text(at, HEIGHT - 8, at > WIDTH - 60 ? "end" : "middle", label.label());
        }
        chart.path("burn", line, left, scale);
        chart.path("forecast", forecast, left, scale);
        return chart.done();
    }

    private void path(String color, List<Point> points, double left, double scale) {
        if (points.size() < 2) {
            return;
        }
        StringBuilder path = new StringBuilder();
        for (Point point : points) {
            path.append(path.isEmpty() ? "M" : "L")
                    .append(number(LEFT + (point.x() - left) * scale))
                    .append(' ')
                    .append(number(y(point.y())));
        }
        svg.append("<path class=\"%s\" d=\"%s\" %s/>".formatted(color, path, style(color)));
    }

    /** Presentation attributes: print does not read the page's style sheet inside a picture. */
    private static String style(String color) {
        return switch (color) {
            case "burn" -> "fill=\"none\" stroke=\"#0b5c7a\" stroke-width=\"2\"";
            case "forecast" ->
                    "fill=\"none\" stroke=\"#0b5c7a\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"";
            case "limit" -> "stroke=\"#a33b20\" stroke-width=\"1\" stroke-dasharray=\"2 2\"";
            case "grid" -> "stroke=\"#d8dee2\" stroke-width=\"0.6\"";
            case "active" -> "fill=\"#0b5c7a\"";
            case "held" -> "fill=\"#6fb1c7\"";
            case "idle" -> "fill=\"#e0a458\"";
            case "free" -> "fill=\"#dfe6ea\"";
            case "down" -> "fill=\"#a33b20\"";
            default -> "fill=\"#9aa5ab\"";
        };
    }

    private void axis() {
        for (int i = 0; i <= 4; i++) {
            double value = least + (most - least) * i / 4;
            line("grid", LEFT, y(value), WIDTH - RIGHT, y(value));
            text(LEFT - 6, y(value) + 3, "end", label(value));
        }
    }

    private static String label(double value) {
        double size = Math.abs(value);
        if (size >= 10_000) {
            return number(value / 1_000) + "k";
        }
        return number(value);
    }

    private double y(double value) {
        double share = most == least ? 0 : (value - least) / (most - least);
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    }

    /** The next of 1, 2, 4, 5, 8 and their tenfolds: quarters of it are short. */
    private static double nice(double most) {
        if (most <= 0) {
            return 1;
        }
        double power = Math.pow(10, Math.floor(Math.log10(most)));
        for (double step : new double[] {1, 2, 4, 6, 8, 10}) {
            if (most <= step * power) {
                return step * power;
            }
        }
        return 10 * power;
    }

    private void rect(String color, double x, double y, double width, double height) {
        svg.append(
                "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" %s/>"
                        .formatted(
                                number(x), number(y), number(width), number(height), style(color)));
    }

    private void line(String color, double x1, double y1, double x2, double y2) {
        svg.append(
                "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\" %s/>"
                        .formatted(number(x1), number(y1), number(x2), number(y2), style(color)));
    }

    private void text(double x, double y, String anchor, String text) {
        svg.append(
                "<text x=\"%s\" y=\"%s\" text-anchor=\"%s\" font-family=\"Liberation Sans\" font-size=\"10\" fill=\"#4a555b\">%s</text>"
                        .formatted(number(x), number(y), anchor, escaped(text)));
    }

    private String done() {
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%1$d\" height=\"%2$d\" viewBox=\"0 0 %1$d %2$d\" role=\"img\"><title>%3$s</title>%4$s</svg>"
                .formatted(WIDTH, HEIGHT, escaped(title), svg);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    private static String number(double value) {
        String text = String.format(Locale.ROOT, "%.1f", value);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }
}
