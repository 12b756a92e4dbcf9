package io.gpuledger.cli;

import io.gpuledger.core.registry.Charging;
import io.gpuledger.core.registry.Registry;
import io.gpuledger.core.registry.StoredCharge;
import io.gpuledger.core.usage.Bucket;
import io.gpuledger.core.usage.Charge;
import io.gpuledger.core.usage.ChargeSubject;
import io.gpuledger.sql.ScheduledRule;
import java.util.Collection;
import java.util.List;

/**
 * The registry in force, asked who pays for what the scheduler charges. Where a weight depends on a
 * model that the ledger does not have, it is the one of cards without a name.
 */
final class ScheduledCharges implements ScheduledRule {
    private final Registry registry;
    private final StoredCharge stored;
    private final Charging charging;

    ScheduledCharges(Registry registry) {
        this.registry = registry;
        stored = new StoredCharge(registry);
        charging = new Charging(registry);
    }

    @Override
    public Collection<Long> dates() {
        return registry.chargeDates();
    }

    @Override
    public Payer payer(Subject s, long atMs) {
        ChargeSubject subject =
                new ChargeSubject(
                        s.cluster(),
                        s.account(),
                        s.user(),
                        s.partition(),
                        s.qos(),
                        "",
                        Bucket.ALLOCATED,
                        s.endState());
        StoredCharge.RunFacts run = RegistryEffect.facts(List.of(s.endState(), s.gpuTypes(), "1"));
        Charge charge =
                stored.at(subject, false, run, atMs).orElseGet(() -> charging.at(subject, atMs));
        return new Payer(charge.grantId(), charge.weightMilli());
    }
}
