package io.gpuledger.statements.report;

import java.util.AbstractMap;
import java.util.Set;

/** Texts as a template asks for them: {@code t["chart.days"]}. */
final class Words extends AbstractMap<String, String> {
    private final Texts texts;

    Words(Texts texts) {
        this.texts = texts;
    }

    @Override
    public boolean containsKey(Object key) {
        return true;
    }

    @Override
    public String get(Object key) {
        return texts.get(String.valueOf(key));
    }

    @Override
    public Set<Entry<String, String>> entrySet() {
        return Set.of();
    }
}
