package io.gpuledger.core.registry;

import io.gpuledger.core.time.Span;
import io.gpuledger.core.usage.ChargeSubject;

/**
 * Which grant pays for an account, and when. Of those that fit, the one that names most of user,
 * partition and QOS decides.
 *
 * @param user only this one; empty for all. So are partition and qos.
 */
public record AccountMapping(
        String cluster,
        String account,
        String user,
        String partition,
        String qos,
        String grantId,
        Span effective)
        implements Entry {
    public AccountMapping {
        if (cluster.isEmpty() || account.isEmpty() || grantId.isEmpty()) {
            throw new IllegalArgumentException("a mapping names cluster, account and grant");
        }
        Effective.requireDates(effective);
    }

    /** How many of user, partition and QOS it names. */
    public int specificity() {
        return (user.isEmpty() ? 0 : 1) + (partition.isEmpty() ? 0 : 1) + (qos.isEmpty() ? 0 : 1);
    }

    boolean fits(ChargeSubject subject) {
        return cluster.equals(subject.cluster())
                && account.equals(subject.account())
                && fits(user, subject.user())
                && fits(partition, subject.partition())
                && fits(qos, subject.qos());
    }

    /** There is usage that both fit, dates apart. */
    boolean meets(AccountMapping other) {
        return cluster.equals(other.cluster)
                && account.equals(other.account)
                && together(user, other.user)
                && together(partition, other.partition)
                && together(qos, other.qos);
    }

    /** It fits all usage that both of two others fit, and it is more specific than they are. */
    boolean settles(AccountMapping a, AccountMapping b) {
        return cluster.equals(a.cluster)
                && account.equals(a.account)
                && specificity() > a.specificity()
                && fits(user, either(a.user, b.user))
                && fits(partition, either(a.partition, b.partition))
                && fits(qos, either(a.qos, b.qos));
    }

    private static boolean fits(String wanted, String found) {
        return wanted.isEmpty() || wanted.equals(found);
    }

    private static boolean together(String a, String b) {
        return a.isEmpty() || b.isEmpty() || a.equals(b);
    }

    private static String either(String a, String b) {
        return a.isEmpty() ? b : a;
    }
}
