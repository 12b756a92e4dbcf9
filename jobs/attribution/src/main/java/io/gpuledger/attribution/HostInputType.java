package io.gpuledger.attribution;

import java.lang.reflect.Type;
import java.util.Map;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInfoFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.jspecify.annotations.Nullable;

/** Tells Flink how to send a {@link HostInput}. */
final class HostInputType extends TypeInformation<HostInput> {
    private static final long serialVersionUID = 1L;

    /** Named by the class's annotation. */
    public static final class Factory extends TypeInfoFactory<HostInput> {
        @Override
        public TypeInformation<HostInput> createTypeInfo(
                Type type, Map<String, TypeInformation<?>> parameters) {
            return new HostInputType();
        }
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
    public Class<HostInput> getTypeClass() {
        return HostInput.class;
    }

    @Override
    public boolean isKeyType() {
        return false;
    }

    @Override
    public TypeSerializer<HostInput> createSerializer(SerializerConfig config) {
        return HostInputSerializer.INSTANCE;
    }

    @Override
    public String toString() {
        return "HostInput";
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof HostInputType;
    }

    @Override
    public int hashCode() {
        return HostInputType.class.hashCode();
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof HostInputType;
    }
}
