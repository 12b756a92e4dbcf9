package io.gpuledger.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.UsageRow;
import io.gpuledger.flink.ClickHouseSink;
import io.gpuledger.flink.RowBinary;
import io.gpuledger.flink.SinkRow;
import io.gpuledger.flink.SinkTable;
import io.gpuledger.flink.StrictEnvironment;
import io.gpuledger.local.LocalStack;
import io.gpuledger.local.Service;
import io.gpuledger.sql.Migrator;
import io.gpuledger.sql.Warehouse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What ClickHouse refuses of a batch, and what becomes of the rest. */
class ClickHouseSinkIT {
    private static final long WINDOW = 1_795_434_840_000L;

    /** Two names of one letter, the slot and the empty run come before the window in the bytes. */
    private static final int EXISTS_OFFSET = 2 + 2 + 2 + 1 + 4;

    @TempDir Path directory;

    @Test
    void a_row_out_of_balance_is_set_aside_and_the_others_are_written() throws Exception {
        try (LocalStack stack =
                LocalStack.open(LocalStack.Options.in(directory), "ClickHouseSinkIT")) {
            stack.ensureUp(EnumSet.of(Service.CLICKHOUSE));
            Warehouse warehouse = new Warehouse(stack.clickHouseUrl(), "default", "", "gpu_ledger");
            Migrator.migrate(warehouse);
            List<SinkRow> rows = new ArrayList<>();
            for (int gpu = 0; gpu < 100; gpu++) {
                byte[] row = RowBinary.usage(row(gpu));
                RowBinary.stamp(row, 5, 1);
                if (gpu == 17 || gpu == 99) {
                    row[EXISTS_OFFSET]++;
                }
                rows.add(new SinkRow(SinkTable.USAGE_MINUTE, row));
            }

            StreamExecutionEnvironment env = StrictEnvironment.create(new Configuration());
            env.setParallelism(1);
            env.fromData(rows, TypeInformation.of(SinkRow.class))
                    .uid("rows")
                    .sinkTo(new ClickHouseSink(warehouse.url(), "default", "", "gpu_ledger"))
                    .uid("sink");
            env.execute();

            assertThat(
                            warehouse.query(
                                    "SELECT count(), sum(exists_ms) FROM usage_minute FINAL",
                                    Map.of()))
                    .containsExactly(List.of("98", "5880000"));
            List<List<String>> letters =
                    warehouse.query(
                            "SELECT reason, cluster, input_digest, detail FROM dead_letters ORDER BY detail",
                            Map.of());
            assertThat(letters).hasSize(2);
            assertThat(letters.get(0).subList(0, 3)).containsExactly("BALANCE", "c", "5");
            assertThat(letters.get(0).get(3)).contains("gpu_index 17", "2026-11-23T11:54:00Z");
            assertThat(
                            GpuLedger.commandLine()
                                    .setOut(new java.io.PrintWriter(java.io.Writer.nullWriter()))
                                    .execute("--data=" + directory, "status", "--json"))
                    .isEqualTo(ExitCode.FINDINGS);
        }
    }

    private static UsageRow row(int gpu) {
        UsageRow.Holder idle =
                new UsageRow.Holder(
                        Bucket.IDLE,
                        "",
                        "",
                        "",
                        "",
                        "",
                        "",
                        "",
                        -1,
                        60_000,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0);
        return new UsageRow("c", "h", gpu, "", WINDOW, 60_000, "", "", List.of(idle));
    }
}
