package io.gpuledger.core.reconcile;

import java.util.Comparator;

/** Who is charged. */
public record Payer(String account, String user) implements Comparable<Payer> {
    private static final Comparator<Payer> ORDER =
            Comparator.comparing(Payer::account).thenComparing(Payer::user);

    @Override
    public int compareTo(Payer other) {
        return ORDER.compare(this, other);
    }
}
