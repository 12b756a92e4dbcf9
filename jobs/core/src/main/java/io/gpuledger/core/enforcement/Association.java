package io.gpuledger.core.enforcement;

import java.util.Comparator;

/**
 * Who a limit binds: an account of the scheduler, or one user in it.
 *
 * @param user empty for the account as a whole
 */
public record Association(String account, String user) implements Comparable<Association> {
    private static final Comparator<Association> ORDER =
            Comparator.comparing(Association::account).thenComparing(Association::user);

    /** The account itself. */
    public static Association of(String account) {
        return new Association(account, "");
    }

    @Override
    public int compareTo(Association other) {
        return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
        return user.isEmpty() ? account : account + "/" + user;
    }
}
