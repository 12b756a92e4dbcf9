package io.gpuledger.collectors.dcgm;

import java.net.URI;
import java.net.URISyntaxException;

/** How exporters are written: {@code host:port}, or a whole address. */
public final class TargetAddress {
    private static final String PATH = "/metrics";

    private TargetAddress() {}

    /** A host and port alone are scraped over HTTP at {@code /metrics}. */
    public static URI parse(String text) throws TargetException {
        return parse(text, "http", PATH);
    }

    static URI parse(String text, String scheme, String path) throws TargetException {
        String written = text.contains("://") ? text : scheme + "://" + text + path;
        try {
            URI address = new URI(written);
            boolean http =
                    "http".equalsIgnoreCase(address.getScheme())
                            || "https".equalsIgnoreCase(address.getScheme());
            if (http && address.getHost() != null && address.getUserInfo() == null) {
                return address;
            }
        } catch (URISyntaxException e) {
            throw new TargetException(refusal(text), e);
        }
        throw new TargetException(refusal(text));
    }

    private static String refusal(String text) {
        return "'%s' is no exporter; give one like node1:9400 or http://node1:9400/metrics"
                .formatted(text);
    }
}
