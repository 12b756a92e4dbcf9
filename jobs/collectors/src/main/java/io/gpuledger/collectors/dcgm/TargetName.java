package io.gpuledger.collectors.dcgm;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;
import java.util.stream.Stream;

/** All addresses that a name has in DNS, on one port: a headless service, or a round-robin name. */
public final class TargetName implements TargetList {
    private final String host;
    private final int port;

    private TargetName(String host, int port) {
        this.host = host;
        this.port = port;
    }

    /** {@code name:port}. */
    public static TargetName parse(String text) throws TargetException {
        int colon = text.lastIndexOf(':');
        String port = text.substring(colon + 1);
        if (colon < 1 || !port.matches("\\d{1,5}") || Integer.parseInt(port) > 65_535) {
            throw new TargetException(
                    "'%s' is no name with a port; give one like dcgm.example:9400".formatted(text));
        }
        return new TargetName(text.substring(0, colon), Integer.parseInt(port));
    }

    @Override
    public String name() {
        return host + ":" + port;
    }

    @Override
    public List<URI> read() throws TargetException {
        InetAddress[] addresses;
        try {
            addresses = InetAddress.getAllByName(host);
        } catch (UnknownHostException e) {
            throw new TargetException("%s is not in DNS; check the name".formatted(host), e);
        }
        return Stream.of(addresses)
                .map(a -> a instanceof Inet6Address ? "[" + plain(a) + "]" : plain(a))
                .sorted()
                .map(a -> URI.create("http://%s:%d/metrics".formatted(a, port)))
                .toList();
    }

    /** Without the zone of a link-local address, which no URI takes. */
    private static String plain(InetAddress address) {
        String text = address.getHostAddress();
        int zone = text.indexOf('%');
        return zone < 0 ? text : text.substring(0, zone);
    }
}
