package io.gpuledger.flink.records;

import io.gpuledger.flink.WireType;
import io.gpuledger.schemas.ReleasedSchemas;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DatumReader;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecord;

/**
 * Decodes one type of record, written with any released version of its schema. Avro's own message
 * decoder reads a stream and cannot know how much is left, so it makes room for any length that the
 * bytes claim: twenty of them can ask for two gigabytes. This one reads from the bytes themselves.
 */
public final class RecordDecoder<T extends SpecificRecord> {
    /** Marker and fingerprint of the single-object encoding. */
    private static final int HEADER = 10;

    private final Map<Long, DatumReader<T>> readers = new HashMap<>();
    private final WireType type;
    private BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(new byte[0], null);

    /** Of one type, whose schema is the newest one. */
    public RecordDecoder(WireType type, Class<T> record, Schema schema) {
        this.type = type;
        SpecificData model = SpecificData.getForClass(record);
        for (Schema version : ReleasedSchemas.of(schema.getName())) {
            @SuppressWarnings("unchecked") // the reader of a generated class makes objects of it
            DatumReader<T> reader = model.createDatumReader(version, schema);
            readers.put(SchemaNormalization.parsingFingerprint64(version), reader);
        }
    }

    /**
     * Decodes a record whose header is that of its type. Bytes of strangers may break Avro in any
     * way; each of them means the same.
     *
     * @throws RefusedRecordException for bytes that are no whole record
     */
    public T decode(byte[] value) throws RefusedRecordException {
        try {
            DatumReader<T> reader =
                    readers.get(
                            ByteBuffer.wrap(value, 2, Long.BYTES)
                                    .order(ByteOrder.LITTLE_ENDIAN)
                                    .getLong());
            if (reader == null) {
                throw new IOException("no released schema has its fingerprint");
            }
            decoder =
                    DecoderFactory.get()
                            .binaryDecoder(value, HEADER, value.length - HEADER, decoder);
            return reader.read(null, decoder);
        } catch (IOException | RuntimeException e) {
            throw new RefusedRecordException(
                    "UNREADABLE",
                    "%d bytes that are no whole %s: %s".formatted(value.length, type, e));
        }
    }
}
