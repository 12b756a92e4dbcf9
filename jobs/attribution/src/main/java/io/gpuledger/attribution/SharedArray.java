package io.gpuledger.attribution;

import java.io.IOException;
import java.lang.reflect.Type;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.TypeInfoFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.api.common.typeutils.base.array.IntPrimitiveArraySerializer;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;
import org.apache.flink.api.common.typeutils.base.array.StringArraySerializer;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.util.function.SerializableSupplier;
import org.jspecify.annotations.Nullable;

/**
 * An array in state that nobody changes once it is there, so that it need not be copied. Heap state
 * copies a value when it is first asked for after a checkpoint began, and all entries of a map are
 * one value: of every host all that two days left was copied at each checkpoint.
 *
 * <p>The bytes are those of Flink's own serializer, which wrote the first versions of the state.
 */
final class SharedArray<T> extends TypeSerializer<T> {
    private static final long serialVersionUID = 1L;

    static final SharedArray<byte[]> BYTES =
            new SharedArray<>(BytePrimitiveArraySerializer.INSTANCE, OfBytes::new);
    static final SharedArray<int[]> INTS =
            new SharedArray<>(IntPrimitiveArraySerializer.INSTANCE, OfInts::new);
    static final SharedArray<long[]> LONGS =
            new SharedArray<>(LongPrimitiveArraySerializer.INSTANCE, OfLongs::new);
    static final SharedArray<String[]> STRINGS =
            new SharedArray<>(StringArraySerializer.INSTANCE, OfStrings::new);

    private final TypeSerializer<T> bytes;
    private final SerializableSupplier<TypeSerializerSnapshot<T>> snapshot;

    private SharedArray(
            TypeSerializer<T> bytes, SerializableSupplier<TypeSerializerSnapshot<T>> snapshot) {
        this.bytes = bytes;
        this.snapshot = snapshot;
    }

    @Override
    public TypeSerializer<T> duplicate() {
        return this;
    }

    @Override
    public TypeSerializerSnapshot<T> snapshotConfiguration() {
        return snapshot.get();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof SharedArray<?> array && bytes.equals(array.bytes);
    }

    @Override
    public int hashCode() {
        return bytes.hashCode();
    }

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public T createInstance() {
        return bytes.createInstance();
    }

    @Override
    public T copy(T from) {
        return from;
    }

    @Override
    public T copy(T from, T reuse) {
        return from;
    }

    @Override
    public int getLength() {
        return bytes.getLength();
    }

    @Override
    public void serialize(T array, DataOutputView out) throws IOException {
        bytes.serialize(array, out);
    }

    @Override
    public T deserialize(DataInputView in) throws IOException {
        return bytes.deserialize(in);
    }

    @Override
    public T deserialize(T reuse, DataInputView in) throws IOException {
        return bytes.deserialize(in);
    }

    @Override
    public void copy(DataInputView in, DataOutputView out) throws IOException {
        bytes.copy(in, out);
    }

    /** What state says of its serializer. It reads what Flink's own one wrote. */
    private abstract static class Snapshot<T> extends SimpleTypeSerializerSnapshot<T> {
        private final SharedArray<T> serializer;

        Snapshot(SharedArray<T> serializer) {
            super(() -> serializer);
            this.serializer = serializer;
        }

        @Override
        public TypeSerializerSchemaCompatibility<T> resolveSchemaCompatibility(
                TypeSerializerSnapshot<T> old) {
            Class<?> flinks = serializer.bytes.snapshotConfiguration().getClass();
            return old.getClass().equals(flinks)
                    ? TypeSerializerSchemaCompatibility.compatibleAsIs()
                    : super.resolveSchemaCompatibility(old);
        }
    }

    /** Named in savepoints, as the three after it. */
    public static final class OfBytes extends Snapshot<byte[]> {
        public OfBytes() {
            super(BYTES);
        }
    }

    public static final class OfInts extends Snapshot<int[]> {
        public OfInts() {
            super(INTS);
        }
    }

    public static final class OfLongs extends Snapshot<long[]> {
        public OfLongs() {
            super(LONGS);
        }
    }

    public static final class OfStrings extends Snapshot<String[]> {
        public OfStrings() {
            super(STRINGS);
        }
    }

    /** For {@code @TypeInfo} on a field of state, whatever array it is. */
    public static final class Factory<T> extends TypeInfoFactory<T> {
        @Override
        public TypeInformation<T> createTypeInfo(
                Type type, Map<String, TypeInformation<?>> parameters) {
            for (SharedArray<?> known : new SharedArray<?>[] {BYTES, INTS, LONGS, STRINGS}) {
                if (known.createInstance().getClass().equals(type)) {
                    @SuppressWarnings("unchecked") // its instances are of the type
                    SharedArray<T> found = (SharedArray<T>) known;
                    return new SerializedType<>(found);
                }
            }
            throw new IllegalArgumentException("no array that state may share: " + type);
        }
    }
}
