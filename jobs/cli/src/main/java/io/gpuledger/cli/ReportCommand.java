package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.local.LocalStack;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.RegistryLog;
import io.gpuledger.sql.Warehouse;
import io.gpuledger.statements.Close;
import io.gpuledger.statements.Explanation;
import io.gpuledger.statements.KeptStatement;
import io.gpuledger.statements.StatementBook;
import io.gpuledger.statements.report.GrantReport;
import io.gpuledger.statements.report.OperatorReport;
import io.gpuledger.statements.report.Texts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Writes reports of closed months. */
@Command(
        name = "report",
        mixinStandardHelpOptions = true,
        description = {
            "Reports of a month that is closed: of one grant, or with --operator of the whole site.",
            "",
            "html is one page that needs nothing else, pdf the same as print with embedded fonts. csv has a line for each"
                    + " line of the statement, of the site one for each grant. json has the statement as it was closed,"
                    + " and days, users and largest runs. Times are gpu_ms, charges gpu_us, energy millijoules, amounts"
                    + " the smallest unit of the currency. focus has the lines as rows of FOCUS 1.3, cost and usage."
                    + " statement schema says what each field means.",
        })
final class ReportCommand implements Callable<Integer> {
    /** Forms of a report. */
    enum Form {
        HTML,
        PDF,
        CSV,
        JSON,
        FOCUS;

        String suffix() {
            return this == FOCUS ? "focus.csv" : name().toLowerCase(Locale.ROOT);
        }
    }

    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Option(names = "--grant", paramLabel = "NAME", description = "Of this grant.")
    @Nullable String grant;

    @Option(names = "--operator", description = "Of the whole site.")
    boolean operator;

    @Option(names = "--month", required = true, paramLabel = "YYYY-MM", description = "Of when.")
    String month = "";

    @Option(
            names = "--format",
            split = ",",
            paramLabel = "FORMAT",
            description = "html, pdf, csv, json, focus (default: html).")
    List<Form> formats = new ArrayList<>();

    @Option(names = "--lang", defaultValue = "EN", description = "en or da (default: en).")
    Texts.Language language = Texts.Language.EN;

    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Where the files go; made when it is not there.")
    Path out;

    @Override
    public Integer call() throws IOException {
        String only = UsageCommand.only("--grant", grant);
        if (operator == !only.isEmpty()) {
            throw new UsageException("give either --grant NAME or --operator");
        }
        if (operator && formats.contains(Form.FOCUS)) {
            throw new UsageException("focus has the lines of a grant; give --grant NAME");
        }
        String period = StatementCommand.month(month).toString();
        List<Path> written = new ArrayList<>();
        try (LocalStack stack = ledger.stack()) {
            Warehouse warehouse = ledger.warehouse(stack);
            Migrator.migrate(warehouse);
            StatementBook book = new StatementBook(warehouse);
            if (operator) {
                site(warehouse, book, period, written);
            } else {
                grant(warehouse, book, only, period, written);
            }
        } catch (FileSystemException e) {
            throw new UsageException(
                    "--out %s cannot be written (%s); give another directory".formatted(out, e));
        }
        written.forEach(file -> spec.commandLine().getOut().println(file));
        spec.commandLine().getOut().flush();
        return ExitCode.DONE;
    }

    private void grant(
            Warehouse warehouse,
            StatementBook book,
            String grantId,
            String period,
            List<Path> written)
            throws IOException {
        List<KeptStatement> history =
                book.of(grantId, "").stream()
                        .filter(s -> s.period().compareTo(period) <= 0)
                        .toList();
        KeptStatement last = history.isEmpty() ? null : history.get(history.size() - 1);
        if (last == null || !last.period().equals(period)) {
            throw new UsageException(
                    "grant %s has no statement of %s; statement list shows those there are"
                            .formatted(grantId, period));
        }
        Registry registry =
                new RegistryLog(warehouse)
                        .version(last.registryVersion())
                        .map(RegistryCommand::parse)
                        .orElse(Registry.EMPTY);
        GrantReport report = new GrantReport(warehouse, last, history, registry);
        String name = safe(grantId) + "-" + period;
        for (Form form : forms()) {
            write(
                    name,
                    form,
                    switch (form) {
                        case HTML -> bytes(report.html(language));
                        case PDF -> report.pdf(language);
                        case CSV -> bytes(report.csv());
                        case JSON -> bytes(report.json());
                        case FOCUS ->
                                bytes(
                                        report.focus(
                                                new Explanation(warehouse),
                                                ledger.configuration().get(Keys.ISSUER)));
                    },
                    written);
        }
    }

    private void site(Warehouse warehouse, StatementBook book, String period, List<Path> written)
            throws IOException {
        boolean closed = book.months().stream().anyMatch(m -> m.period().equals(period));
        if (!closed) {
            throw new UsageException(
                    "%s is not closed; statement close --month %s closes it"
                            .formatted(period, period));
        }
        Close close =
                book.closes().stream()
                        .filter(c -> c.period().name().equals(period))
                        .findFirst()
                        .orElseThrow();
        OperatorReport report = new OperatorReport(warehouse, close, book.of("", period));
        for (Form form : forms()) {
            write(
                    "site-" + period,
                    form,
                    switch (form) {
                        case HTML -> bytes(report.html(language));
                        case PDF -> report.pdf(language);
                        case CSV -> bytes(report.csv());
                        case JSON -> bytes(report.json());
                        case FOCUS ->
                                throw new IllegalStateException("refused before anything is read");
                    },
                    written);
        }
    }

    private Set<Form> forms() {
        return formats.isEmpty() ? Set.of(Form.HTML) : new LinkedHashSet<>(formats);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** The name of a grant is the site's; a file may not be where it leads. */
    private static String safe(String name) {
        return name.replaceAll("[^\\p{L}\\p{N}._-]", "_").replaceAll("^\\.+", "_");
    }

    private void write(String name, Form form, byte[] content, List<Path> written)
            throws IOException {
        Files.createDirectories(out);
        Path file = out.resolve(name + "." + form.suffix());
        Files.write(file, content);
        written.add(file);
    }
}
