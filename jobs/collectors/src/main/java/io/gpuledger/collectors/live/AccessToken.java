package io.gpuledger.collectors.live;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * The secret that senders show: as a bearer token, or as the password of HTTP's basic scheme for
 * those that know only URLs, Slurm's jobcomp plugin among them.
 */
public final class AccessToken {
    private static final String BEARER = "Bearer ";
    private static final String BASIC = "Basic ";
    private static final int SHORTEST = 16;

    private final byte[] secret;

    private AccessToken(byte[] secret) {
        this.secret = secret;
    }

    /**
     * The first line of a file.
     *
     * @throws IOException with a sentence for people
     */
    public static AccessToken in(Path file) throws IOException {
        String first;
        try {
            first = Files.readString(file).lines().findFirst().orElse("").strip();
        } catch (IOException e) {
            throw new IOException(
                    "token file %s cannot be read (%s); check the path and its rights"
                            .formatted(file, e.getClass().getSimpleName()),
                    e);
        }
        if (first.length() < SHORTEST) {
            throw new IOException(
                    "token file %s holds %d characters on its first line; give at least %d"
                            .formatted(file, first.length(), SHORTEST));
        }
        return new AccessToken(first.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Whether the header {@code Authorization} shows it; takes the same time however it differs.
     */
    public boolean isShownBy(@Nullable String authorization) {
        if (authorization == null) {
            return false;
        }
        if (authorization.startsWith(BEARER)) {
            return matches(authorization.substring(BEARER.length()).strip());
        }
        if (authorization.startsWith(BASIC)) {
            try {
                String pair =
                        new String(
                                Base64.getDecoder()
                                        .decode(authorization.substring(BASIC.length()).strip()),
                                StandardCharsets.UTF_8);
                return matches(pair.substring(pair.indexOf(':') + 1));
            } catch (IllegalArgumentException e) {
                return false; // no Base64 shows no token
            }
        }
        return false;
    }

    private boolean matches(String shown) {
        return MessageDigest.isEqual(shown.getBytes(StandardCharsets.UTF_8), secret);
    }
}
