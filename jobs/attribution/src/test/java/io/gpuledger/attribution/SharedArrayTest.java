package io.gpuledger.attribution;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;

class SharedArrayTest {
    private static final byte[] ARRAY = {3, 1, 4, 1, 5};

    @Test
    void a_chunk_is_copied_without_its_bytes() {
        SampleChunk chunk = new SampleChunk();
        chunk.packed = ARRAY;

        SampleChunk copy = serializerOf(SampleChunk.class).copy(chunk);

        assertThat(copy).isNotSameAs(chunk);
        assertThat(copy.packed).isSameAs(ARRAY);
    }

    @Test
    void a_window_is_copied_without_its_arrays() {
        WindowState window = new WindowState();
        window.gpuIndex = new int[] {0, 7};
        window.unplacedRun = new String[] {"", "gefion/7/1"};
        window.rowDigest = new long[] {1, 2};

        WindowState copy = serializerOf(WindowState.class).copy(window);

        assertThat(copy.gpuIndex).isSameAs(window.gpuIndex);
        assertThat(copy.unplacedRun).isSameAs(window.unplacedRun);
        assertThat(copy.rowDigest).isSameAs(window.rowDigest);
    }

    @Test
    void its_bytes_are_those_of_flink() throws Exception {
        DataOutputSerializer flinks = new DataOutputSerializer(16);
        BytePrimitiveArraySerializer.INSTANCE.serialize(ARRAY, flinks);
        DataOutputSerializer ours = new DataOutputSerializer(16);
        SharedArray.BYTES.serialize(ARRAY, ours);

        assertThat(ours.getCopyOfBuffer()).isEqualTo(flinks.getCopyOfBuffer());
        assertThat(
                        SharedArray.BYTES.deserialize(
                                new DataInputDeserializer(flinks.getCopyOfBuffer())))
                .isEqualTo(ARRAY);
    }

    @Test
    void state_that_flink_wrote_is_read_as_it_is_and_that_of_another_array_is_not() {
        assertThat(
                        compatibility(SharedArray.BYTES, BytePrimitiveArraySerializer.INSTANCE)
                                .isCompatibleAsIs())
                .isTrue();
        assertThat(compatibility(SharedArray.LONGS, SharedArray.LONGS).isCompatibleAsIs()).isTrue();
        assertThat(
                        compatibility(SharedArray.BYTES, LongPrimitiveArraySerializer.INSTANCE)
                                .isIncompatible())
                .isTrue();
    }

    @SuppressWarnings("unchecked") // Flink asks so as well, whatever was there
    private static <T> TypeSerializerSchemaCompatibility<T> compatibility(
            TypeSerializer<T> now, TypeSerializer<?> before) {
        return now.snapshotConfiguration()
                .resolveSchemaCompatibility(
                        (TypeSerializerSnapshot<T>) before.snapshotConfiguration());
    }

    private static <T> TypeSerializer<T> serializerOf(Class<T> state) {
        return TypeInformation.of(state).createSerializer(new SerializerConfigImpl());
    }
}
