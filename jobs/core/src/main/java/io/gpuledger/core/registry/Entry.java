package io.gpuledger.core.registry;

/** One thing that a site writes into its registry. */
public sealed interface Entry
        permits Grant,
                BudgetLine,
                AccountMapping,
                ChargePolicy,
                WeightRule,
                PriceList,
                Price,
                Adjustment,
                GridFactor {}
