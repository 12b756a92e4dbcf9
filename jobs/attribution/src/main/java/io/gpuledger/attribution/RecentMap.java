package io.gpuledger.attribution;

import java.util.LinkedHashMap;
import java.util.Map;

/** What was used last, up to a number of entries: the one longest unused makes room. */
final class RecentMap<K, V> extends LinkedHashMap<K, V> {
    private static final long serialVersionUID = 1L;

    private final int most;

    RecentMap(int most) {
        super(64, 0.75f, true);
        this.most = most;
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > most;
    }
}
