package io.gpuledger.attribution;

import java.io.IOException;
import java.lang.reflect.Type;
import java.util.Map;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeinfo.TypeInfoFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * {@link HostInput} on its way between operators; it is never state. Flink's own serializer of the
 * class writes every field of every kind by reflection, which took a tenth of the job's time.
 */
final class HostInputSerializer extends TypeSerializerSingleton<HostInput> {
    private static final long serialVersionUID = 1L;
    static final HostInputSerializer INSTANCE = new HostInputSerializer();

    private static final TypeSerializer<HostRunState> RUNS =
            TypeInformation.of(HostRunState.class).createSerializer(new SerializerConfigImpl());

    @Override
    public void serialize(HostInput input, DataOutputView out) throws IOException {
        out.writeByte(input.kind);
        out.writeUTF(input.cluster);
        out.writeUTF(input.host);
        if (input.run != null) {
            RUNS.serialize(input.run, out);
            return;
        }
        out.writeLong(input.observedAtMs);
        out.writeUTF(input.source);
        out.writeInt(input.partition);
        out.writeLong(input.position);
        bytes(input.kind == HostInput.SAMPLES ? input.scrape : input.snapshot, out);
        if (input.kind == HostInput.INVENTORY) {
            out.writeUTF(input.contentKey);
            out.writeBoolean(input.configures);
        }
    }

    private static void bytes(byte[] bytes, DataOutputView out) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    @Override
    public HostInput deserialize(DataInputView in) throws IOException {
        HostInput input = new HostInput();
        input.kind = in.readByte();
        input.cluster = in.readUTF();
        input.host = in.readUTF();
        if (input.kind == HostInput.RUN) {
            input.run = RUNS.deserialize(in);
            return input;
        }
        input.observedAtMs = in.readLong();
        input.source = in.readUTF();
        input.partition = in.readInt();
        input.position = in.readLong();
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        if (input.kind == HostInput.INVENTORY) {
            input.snapshot = bytes;
            input.contentKey = in.readUTF();
            input.configures = in.readBoolean();
        } else {
            input.scrape = bytes;
        }
        return input;
    }

    @Override
    public HostInput deserialize(HostInput reuse, DataInputView in) throws IOException {
        return deserialize(in);
    }

    @Override
    public HostInput createInstance() {
        return new HostInput();
    }

    /** Nobody changes an input after it was made. */
    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public HostInput copy(HostInput from) {
        return from;
    }

    @Override
    public HostInput copy(HostInput from, HostInput reuse) {
        return from;
    }

    @Override
    public void copy(DataInputView in, DataOutputView out) throws IOException {
        serialize(deserialize(in), out);
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public TypeSerializerSnapshot<HostInput> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Named by the class's annotation. */
    public static final class Factory extends TypeInfoFactory<HostInput> {
        @Override
        public TypeInformation<HostInput> createTypeInfo(
                Type type, Map<String, TypeInformation<?>> parameters) {
            return new SerializedType<>(INSTANCE);
        }
    }

    /** There is one version. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<HostInput> {
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
