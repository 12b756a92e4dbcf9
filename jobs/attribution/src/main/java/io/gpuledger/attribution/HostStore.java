package io.gpuledger.attribution;

import io.gpuledger.core.run.Holding;
import io.gpuledger.core.usage.HostRun;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.jspecify.annotations.Nullable;

/**
 * The state of hosts, and the memory of those in use. What comes goes into memory only; a
 * checkpoint makes state of it.
 */
final class HostStore {
    private static final int HOSTS_IN_MEMORY = 4_096;

    private final ValueState<HostState> host;
    private final MapState<String, HostRunState> runs;
    private final MapState<String, InventoryState> inventories;
    private final MapState<Integer, SeriesState> series;
    private final SampleArchive samples;
    private final TypeSerializer<HostState> hostCopier;
    private final TypeSerializer<SeriesState> seriesCopier;
    private final TypeSerializer<InventoryState> inventoryCopier;

    /** In the order of use. */
    private final LinkedHashMap<String, HostMemory> inMemory = new LinkedHashMap<>(64, 0.75f, true);

    private Consumer<String> toKey =
            key -> {
                throw new IllegalStateException("no operator is there yet");
            };

    HostStore(RuntimeContext context) {
        host = context.getState(new ValueStateDescriptor<>("host", type(HostState.class)));
        runs = map(context, "runs", Types.STRING, type(HostRunState.class));
        inventories = map(context, "inventories", Types.STRING, type(InventoryState.class));
        series = map(context, "series", Types.INT, type(SeriesState.class));
        samples = new SampleArchive(context);
        hostCopier = type(HostState.class).createSerializer(new SerializerConfigImpl());
        inventoryCopier = type(InventoryState.class).createSerializer(new SerializerConfigImpl());
        seriesCopier = type(SeriesState.class).createSerializer(new SerializerConfigImpl());
    }

    private static <T> TypeInformation<T> type(Class<T> of) {
        return TypeInformation.of(of);
    }

    private static <K, V> MapState<K, V> map(
            RuntimeContext context, String name, TypeInformation<K> key, TypeInformation<V> value) {
        return context.getMapState(new MapStateDescriptor<>(name, key, value));
    }

    /** The samples of the host of the current key. */
    SampleArchive samples() {
        return samples;
    }

    void changeKeysWith(Consumer<String> setter) {
        toKey = setter;
    }

    /** The host of the current key, null when nothing is known of it. */
    @Nullable HostMemory get(String key) throws Exception {
        HostMemory memory = inMemory.get(key);
        if (memory == null) {
            HostState saved = host.value();
            if (saved == null) {
                return null;
            }
            memory = load(new HostMemory(hostCopier.copy(saved)));
            put(key, memory);
        }
        return memory;
    }

    /** A host that was not known. */
    HostMemory create(String key, HostState fresh) throws Exception {
        HostMemory memory = new HostMemory(fresh);
        loadInventories(memory); // configuration waits for whoever comes back
        memory.isSaved = false;
        put(key, memory);
        return memory;
    }

    /** The one longest unused makes room. */
    private void put(String key, HostMemory memory) throws Exception {
        if (inMemory.size() >= HOSTS_IN_MEMORY) {
            Map.Entry<String, HostMemory> eldest = inMemory.entrySet().iterator().next();
            toKey.accept(eldest.getKey());
            save(eldest.getValue());
            inMemory.remove(eldest.getKey());
            toKey.accept(key);
        }
        inMemory.put(key, memory);
    }

    /** Makes state of all that memory knows. */
    void saveAll() throws Exception {
        for (Map.Entry<String, HostMemory> entry : inMemory.entrySet()) {
            if (!entry.getValue().isSaved) {
                toKey.accept(entry.getKey());
                save(entry.getValue());
            }
        }
    }

    private HostMemory load(HostMemory memory) throws Exception {
        for (Map.Entry<Integer, SeriesState> entry : series.entries()) {
            memory.tracks.add(new Track(entry.getKey(), seriesCopier.copy(entry.getValue())));
        }
        samples.load(memory);
        loadInventories(memory);
        for (HostRunState run : runs.values()) {
            memory.runs.put(run.runId, run.toCore(memory.host.host));
        }
        count(memory);
        return memory;
    }

    private void loadInventories(HostMemory memory) throws Exception {
        for (Map.Entry<String, InventoryState> entry : inventories.entries()) {
            memory.inventories.put(entry.getKey(), inventoryCopier.copy(entry.getValue()));
        }
    }

    private void save(HostMemory memory) throws Exception {
        memory.takeIn();
        saveInventories(memory);
        host.update(hostCopier.copy(memory.host));
        for (Track track : memory.tracks) {
            series.put(track.id, seriesCopier.copy(track.series));
        }
        samples.saveTail(memory);
        memory.isSaved = true;
    }

    void putRun(HostMemory memory, HostRunState run) throws Exception {
        if (run.gpuIndex.length == 0) {
            runs.remove(run.runId);
            memory.runs.remove(run.runId);
        } else {
            runs.put(run.runId, run);
            memory.runs.put(run.runId, run.toCore(memory.host.host));
        }
        count(memory);
        memory.forgetFacts();
    }

    private static void count(HostMemory memory) {
        memory.isCounted = false;
        for (HostRun run : memory.runs.values()) {
            for (Holding holding : run.holdings()) {
                memory.isCounted |= holding.gpuIndex() < 0;
            }
        }
    }

    void removeRunsBefore(HostMemory memory, long instantMs) throws Exception {
        List<String> ended = new ArrayList<>();
        for (HostRun run : memory.runs.values()) {
            if (Math.max(run.endMs(), run.overheadUntilMs()) <= instantMs) {
                ended.add(run.runId());
            }
        }
        for (String runId : ended) {
            runs.remove(runId);
            memory.runs.remove(runId);
        }
        count(memory);
    }

    private void saveInventories(HostMemory memory) throws Exception {
        for (String key : memory.changedInventories) {
            InventoryState state = memory.inventories.get(key);
            if (state == null) {
                inventories.remove(key);
            } else {
                inventories.put(key, inventoryCopier.copy(state));
            }
        }
        memory.changedInventories.clear();
    }

    /** Nothing of the current host stays but what the site configured. */
    void clear(String key) throws Exception {
        HostMemory memory = inMemory.remove(key);
        if (memory != null) {
            memory.dropInventoriesBefore(Long.MAX_VALUE, true);
            saveInventories(memory);
        }
        host.clear();
        runs.clear();
        series.clear();
        samples.clear();
    }
}
