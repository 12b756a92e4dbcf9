package io.gpuledger.core.registry;

import java.util.List;
import java.util.Optional;

/**
 * Prices that grants refer to by name.
 *
 * @param currency ISO 4217 code
 */
public record PriceList(String name, String currency, List<Price> prices) implements Entry {
    public PriceList {
        prices = List.copyOf(prices);
    }

    /** The price in force, of the model itself before that of all models. */
    public Optional<Price> at(String gpuModel, long instantMs) {
        Optional<Price> own = find(gpuModel, instantMs);
        return own.isPresent() ? own : find("", instantMs);
    }

    private Optional<Price> find(String gpuModel, long instantMs) {
        return prices.stream()
                .filter(p -> p.gpuModel().equals(gpuModel) && p.effective().contains(instantMs))
                .findFirst();
    }
}
