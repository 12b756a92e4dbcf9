package io.gpuledger.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageEncoder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every version ever released reads and is read by today's, and its records decode. */
class ReleasedSchemasTest {
    private static final Map<String, Schema> CURRENT =
            Map.of(
                    "HostScrapeRecord", HostScrapeRecord.getClassSchema(),
                    "JobSnapshotRecord", JobSnapshotRecord.getClassSchema(),
                    "HostSnapshotRecord", HostSnapshotRecord.getClassSchema(),
                    "SchedulerHeartbeatRecord", SchedulerHeartbeatRecord.getClassSchema(),
                    "RegistryEntryRecord", RegistryEntryRecord.getClassSchema(),
                    "RegistryVersionRecord", RegistryVersionRecord.getClassSchema(),
                    "QuotaDecisionRecord", QuotaDecisionRecord.getClassSchema(),
                    "DeadLetterRecord", DeadLetterRecord.getClassSchema());

    static List<Path> released() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of("released"))) {
            return files.filter(f -> f.toString().endsWith(".avsc")).sorted().toList();
        }
    }

    @Test
    void every_schema_has_a_released_version() throws IOException {
        assertThat(released()).hasSizeGreaterThanOrEqualTo(CURRENT.size());
    }

    @ParameterizedTest
    @MethodSource("released")
    void a_released_version_and_the_current_one_read_each_other(Path file) throws IOException {
        Schema old = new Schema.Parser().parse(file.toFile());
        Schema current = CURRENT.get(old.getName());

        assertThat(compatibility(current, old)).isEqualTo(SchemaCompatibilityType.COMPATIBLE);
        assertThat(compatibility(old, current)).isEqualTo(SchemaCompatibilityType.COMPATIBLE);
    }

    @Test
    void the_current_schema_is_the_newest_released_one() {
        CURRENT.forEach(
                (name, schema) -> {
                    List<Schema> versions = ReleasedSchemas.of(name);
                    assertThat(
                                    SchemaNormalization.parsingFingerprint64(
                                            versions.get(versions.size() - 1)))
                            .as(name)
                            .isEqualTo(SchemaNormalization.parsingFingerprint64(schema));
                });
    }

    @Test
    void a_heartbeat_of_version_1_decodes() throws IOException {
        Schema old =
                new Schema.Parser()
                        .parse(Path.of("released/1/SchedulerHeartbeatRecord.avsc").toFile());
        GenericRecord record = new GenericData.Record(old);
        record.put("cluster", "c");
        record.put("observed_at_ms", 42L);
        record.put("kind", new GenericData.EnumSymbol(old.getField("kind").schema(), "HEARTBEAT"));
        record.put("covered_from_ms", null);
        record.put("origin", "");
        ByteBuffer bytes =
                new BinaryMessageEncoder<GenericRecord>(new GenericData(), old).encode(record);

        var decoder = SchedulerHeartbeatRecord.createDecoder(name -> old);
        decoder.addSchema(old);

        assertThat(decoder.decode(bytes).getObservedAtMs()).isEqualTo(42);
    }

    @Test
    void a_job_snapshot_of_version_1_decodes_and_knows_no_time_limit() throws IOException {
        Schema old =
                new Schema.Parser().parse(Path.of("released/1/JobSnapshotRecord.avsc").toFile());
        var record = new org.apache.avro.generic.GenericRecordBuilder(old);
        record.set("cluster", "c");
        record.set("raw_job_id", 7L);
        record.set("observed_at_ms", 42L);
        record.set(
                "source",
                new GenericData.EnumSymbol(old.getField("source").schema(), "ACCOUNTING"));
        ByteBuffer bytes =
                new BinaryMessageEncoder<GenericRecord>(new GenericData(), old)
                        .encode(record.build());

        var decoder = JobSnapshotRecord.getDecoder();
        decoder.addSchema(old);

        JobSnapshotRecord read = decoder.decode(bytes);
        assertThat(read.getRawJobId()).isEqualTo(7);
        assertThat(read.getTimeLimitMs()).isNull();
    }

    private static SchemaCompatibilityType compatibility(Schema reader, Schema writer) {
        return SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType();
    }
}
