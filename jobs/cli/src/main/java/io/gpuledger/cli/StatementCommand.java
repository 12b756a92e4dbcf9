package io.gpuledger.cli;

import io.gpuledger.cli.config.Keys;
import io.gpuledger.core.statement.Period;
import java.time.DateTimeException;
import java.time.YearMonth;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Monthly statements. */
@Command(
        name = "statement",
        mixinStandardHelpOptions = true,
        description = {
            "The frozen monthly accounts of grants.",
            "",
            "A statement says what was known of its month when it was closed. What is learned later is a correction"
                    + " line of the next one, which names the month it belongs to: all statements together say what"
                    + " the ledger says.",
        },
        subcommands = {
            StatementCloseCommand.class,
            StatementListCommand.class,
            StatementShowCommand.class,
            StatementVerifyCommand.class,
            StatementSchemaCommand.class
        })
final class StatementCommand implements Runnable {
    @CommandLine.ParentCommand GpuLedger ledger;
    @CommandLine.Spec CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "give a command, for example statement close --month 2026-10");
    }

    /** A month of the site's zone. */
    Period period(String month) {
        Period period = new Period(month(month), ledger.configuration().get(Keys.ZONE));
        if (!period.hasWholeHours()) {
            throw new UsageException(
                    "months of zone %s do not begin with a whole hour of UTC, and the ledger remembers hours; set key zone to one whose months do"
                            .formatted(period.zone()));
        }
        return period;
    }

    static YearMonth month(String text) {
        try {
            YearMonth month = YearMonth.parse(text);
            if (month.getYear() >= 1970 && month.getYear() <= 2100) {
                return month;
            }
        } catch (DateTimeException e) {
            // Said below.
        }
        throw new UsageException("--month %s is no month; give one like 2026-10".formatted(text));
    }

    /** The name of a month that may be left out, empty then. */
    static String optional(@Nullable String month) {
        return month == null ? "" : month(month).toString();
    }
}
