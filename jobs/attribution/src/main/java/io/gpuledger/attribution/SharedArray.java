package io.gpuledger.attribution;

import java.io.IOException;
import java.lang.reflect.Type;
import java.util.Map;
import java.util.Objects;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInfoFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.api.common.typeutils.base.array.IntPrimitiveArraySerializer;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;
import org.apache.flink.api.common.typeutils.base.array.StringArraySerializer;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;

/**
 * An array in state that nobody changes once it is there, so that it need not be copied. Heap state
 * copies a value when it is first asked for after a checkpoint began, and all entries of a map are
 * one value: of every host all that two days left was copied at each checkpoint.
 *
 * <p>The bytes are those of Flink's own serializer, which wrote the first versions of the state.
 */
abstract class SharedArray<T> extends TypeSerializerSingleton<T> {
    private static final long serialVersionUID = 1L;

    private final TypeSerializer<T> bytes;

    private SharedArray(TypeSerializer<T> bytes) {
        this.bytes = bytes;
    }

    @Override
    public final boolean isImmutableType() {
        return true;
    }

    @Override
    public final T createInstance() {
        return bytes.createInstance();
    }

    @Override
    public final T copy(T from) {
        return from;
    }

    @Override
    public final T copy(T from, T reuse) {
        return from;
    }

    @Override
    public final int getLength() {
        return bytes.getLength();
    }

    @Override
    public final void serialize(T array, DataOutputView out) throws IOException {
        bytes.serialize(array, out);
    }

    @Override
    public final T deserialize(DataInputView in) throws IOException {
        return bytes.deserialize(in);
    }

    @Override
    public final T deserialize(T reuse, DataInputView in) throws IOException {
        return bytes.deserialize(in);
    }

    @Override
    public final void copy(DataInputView in, DataOutputView out) throws IOException {
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

    static final class Bytes extends SharedArray<byte[]> {
        private static final long serialVersionUID = 1L;
        static final Bytes INSTANCE = new Bytes();

        private Bytes() {
            super(BytePrimitiveArraySerializer.INSTANCE);
        }

        @Override
        public TypeSerializerSnapshot<byte[]> snapshotConfiguration() {
            return new OfBytes();
        }
    }

    static final class Ints extends SharedArray<int[]> {
        private static final long serialVersionUID = 1L;
        static final Ints INSTANCE = new Ints();

        private Ints() {
            super(IntPrimitiveArraySerializer.INSTANCE);
        }

        @Override
        public TypeSerializerSnapshot<int[]> snapshotConfiguration() {
            return new OfInts();
        }
    }

    static final class Longs extends SharedArray<long[]> {
        private static final long serialVersionUID = 1L;
        static final Longs INSTANCE = new Longs();

        private Longs() {
            super(LongPrimitiveArraySerializer.INSTANCE);
        }

        @Override
        public TypeSerializerSnapshot<long[]> snapshotConfiguration() {
            return new OfLongs();
        }
    }

    static final class Strings extends SharedArray<String[]> {
        private static final long serialVersionUID = 1L;
        static final Strings INSTANCE = new Strings();

        private Strings() {
            super(StringArraySerializer.INSTANCE);
        }

        @Override
        public TypeSerializerSnapshot<String[]> snapshotConfiguration() {
            return new OfStrings();
        }
    }

    /** Named in savepoints, as the three after it. */
    public static final class OfBytes extends Snapshot<byte[]> {
        public OfBytes() {
            super(Bytes.INSTANCE);
        }
    }

    public static final class OfInts extends Snapshot<int[]> {
        public OfInts() {
            super(Ints.INSTANCE);
        }
    }

    public static final class OfLongs extends Snapshot<long[]> {
        public OfLongs() {
            super(Longs.INSTANCE);
        }
    }

    public static final class OfStrings extends Snapshot<String[]> {
        public OfStrings() {
            super(Strings.INSTANCE);
        }
    }

    /** For {@code @TypeInfo} on a field of state, whatever array it is. */
    public static final class Factory<T> extends TypeInfoFactory<T> {
        @Override
        public TypeInformation<T> createTypeInfo(
                Type type, Map<String, TypeInformation<?>> parameters) {
            for (SharedArray<?> known :
                    new SharedArray<?>[] {
                        Bytes.INSTANCE, Ints.INSTANCE, Longs.INSTANCE, Strings.INSTANCE
                    }) {
                if (known.createInstance().getClass().equals(type)) {
                    @SuppressWarnings("unchecked") // its instances are of the type
                    SharedArray<T> found = (SharedArray<T>) known;
                    return new Info<>(found);
                }
            }
            throw new IllegalArgumentException("no array that state may share: " + type);
        }
    }

    private static final class Info<T> extends TypeInformation<T> {
        private static final long serialVersionUID = 1L;
        private final SharedArray<T> serializer;

        Info(SharedArray<T> serializer) {
            this.serializer = serializer;
        }

        @Override
        public boolean isBasicType() {
            return false;
        }

        @Override
        public boolean isTupleType() {
            return false;
        }

        @Override
        public int getArity() {
            return 1;
        }

        @Override
        public int getTotalFields() {
            return 1;
        }

        @Override
        @SuppressWarnings("unchecked") // of an instance of it
        public Class<T> getTypeClass() {
            return (Class<T>) serializer.createInstance().getClass();
        }

        @Override
        public boolean isKeyType() {
            return false;
        }

        @Override
        public TypeSerializer<T> createSerializer(SerializerConfig config) {
            return serializer;
        }

        @Override
        public String toString() {
            return "shared " + getTypeClass().getSimpleName();
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Info<?> info && serializer.equals(info.serializer);
        }

        @Override
        public int hashCode() {
            return Objects.hash(serializer.getClass());
        }

        @Override
        public boolean canEqual(Object other) {
            return other instanceof Info;
        }
    }
}
