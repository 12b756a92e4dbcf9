package io.gpuledger.collectors;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Damages an input the way real files get damaged, and the way an enemy would do it. */
final class Mutator {
    private static final List<String> NUMBERS =
            List.of(
                    "0",
                    "-1",
                    "-0",
                    "007",
                    "2147483648",
                    "4294967294",
                    "9223372036854775807",
                    "18446744073709551614",
                    "9".repeat(60),
                    "NaN",
                    "+Inf",
                    "1e999",
                    "1e-999",
                    "1e999999999",
                    "1e-999999999",
                    "0x7ffffff0",
                    "1.0000000001",
                    "99999999999",
                    "1700000000000000");
    private static final List<String> TOKENS =
            List.of(
                    "Unknown",
                    "None",
                    "N/A",
                    "(null)",
                    "null",
                    "true",
                    "[]",
                    "{}",
                    "\"\"",
                    "=",
                    "|",
                    ",",
                    "}",
                    "]",
                    ")",
                    "\\",
                    "\"",
                    "JobId=",
                    "NodeName=",
                    " JobName=",
                    " UserId=a(1) GroupId=",
                    "2024-10-27T02:30:00",
                    "9999-12-31T23:59:59",
                    "+999999999-12-31T23:59:59Z",
                    "-999999999-01-01T00:00:00",
                    "2026-02-30T00:00:00",
                    "1-00:00:00",
                    "99999999999999-99:99:99",
                    "COMPLETING",
                    "REQUEUED",
                    "CANCELLED by 0",
                    "n[0-99999999]",
                    "n[1-4000]",
                    "n[00000001-100000]",
                    "n[[1-9]-[1-9]]",
                    "n[1-99][1-99][1-99][1-99]",
                    "n[5-1]",
                    "n[" + "1,".repeat(300) + "1]",
                    "gpu:h100:8(IDX:0-99999999)",
                    "gpu:8(IDX:0-4095)",
                    "gpu:8(IDX:" + "0-1000,".repeat(40) + "1)",
                    "gpu:99999999999",
                    "shard:4(IDX:0(99999999999/4))",
                    "gres/gpu=4000000000",
                    "\uFEFF",
                    "\r\n",
                    "\n",
                    "\u2028",
                    "\uD83D\uDE00");

    private final SplittableRandom random;

    Mutator(long seed) {
        this.random = new SplittableRandom(seed);
    }

    byte[] mutate(byte[] seed) {
        byte[] out = seed;
        int rounds = 1 + random.nextInt(4);
        for (int i = 0; i < rounds; i++) {
            out = once(out);
        }
        return out;
    }

    private byte[] once(byte[] in) {
        if (in.length == 0) {
            return pick(TOKENS).getBytes(StandardCharsets.UTF_8);
        }
        return switch (random.nextInt(12)) {
            case 0 -> flip(in);
            case 1 -> splice(in, random.nextInt(in.length), 0, bytes(1 + random.nextInt(4)));
            case 2 -> java.util.Arrays.copyOf(in, random.nextInt(in.length + 1));
            case 3, 4 -> number(in);
            case 5, 6, 7 -> token(in);
            case 8 -> lines(in);
            case 9 -> nest(in);
            case 10 -> remove(in);
            default -> repeat(in);
        };
    }

    private byte[] flip(byte[] in) {
        byte[] out = in.clone();
        for (int i = 0; i <= random.nextInt(4); i++) {
            out[random.nextInt(out.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return out;
    }

    /** Replaces a run of digits. */
    private byte[] number(byte[] in) {
        int at = random.nextInt(in.length);
        int from = -1;
        for (int i = 0; i < in.length && from < 0; i++) {
            int p = (at + i) % in.length;
            from = in[p] >= '0' && in[p] <= '9' ? p : -1;
        }
        if (from < 0) {
            return token(in);
        }
        int to = from;
        while (to < in.length && ((in[to] >= '0' && in[to] <= '9') || in[to] == '.')) {
            to++;
        }
        return splice(in, from, to - from, pick(NUMBERS).getBytes(StandardCharsets.UTF_8));
    }

    /** Replaces what stands between two separators. */
    private byte[] token(byte[] in) {
        int from = random.nextInt(in.length);
        while (from > 0 && !separator(in[from - 1])) {
            from--;
        }
        int to = from;
        while (to < in.length && !separator(in[to])) {
            to++;
        }
        return splice(in, from, to - from, pick(TOKENS).getBytes(StandardCharsets.UTF_8));
    }

    private static boolean separator(byte b) {
        return " =|,;:\"{}[]()\n\t".indexOf((char) (b & 0xff)) >= 0;
    }

    /** Duplicates, drops, swaps or joins lines. */
    private byte[] lines(byte[] in) {
        List<String> lines =
                new ArrayList<>(
                        List.of(new String(in, StandardCharsets.ISO_8859_1).split("\n", -1)));
        int a = random.nextInt(lines.size());
        int b = random.nextInt(lines.size());
        switch (random.nextInt(4)) {
            case 0 -> lines.add(b, lines.get(a));
            case 1 -> lines.remove(a);
            case 2 -> java.util.Collections.swap(lines, a, b);
            default -> {
                String left = lines.get(a);
                String right = lines.get(b);
                lines.set(
                        a,
                        left.substring(0, random.nextInt(left.length() + 1))
                                + right.substring(random.nextInt(right.length() + 1)));
            }
        }
        return String.join("\n", lines).getBytes(StandardCharsets.ISO_8859_1);
    }

    private byte[] nest(byte[] in) {
        int depth = 1 << random.nextInt(13);
        String open = random.nextBoolean() ? "[" : random.nextBoolean() ? "{\"a\":" : "(";
        return splice(
                in,
                random.nextInt(in.length),
                0,
                open.repeat(depth).getBytes(StandardCharsets.ISO_8859_1));
    }

    private byte[] remove(byte[] in) {
        int from = random.nextInt(in.length);
        return splice(in, from, random.nextInt(Math.min(200, in.length - from)), new byte[0]);
    }

    private byte[] repeat(byte[] in) {
        int from = random.nextInt(in.length);
        int length = random.nextInt(Math.min(100, in.length - from) + 1);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < 1 + random.nextInt(30); i++) {
            out.write(in, from, length);
        }
        return splice(in, from, length, out.toByteArray());
    }

    private byte[] bytes(int n) {
        byte[] out = new byte[n];
        random.nextBytes(out);
        return out;
    }

    private String pick(List<String> from) {
        return from.get(random.nextInt(from.size()));
    }

    private static byte[] splice(byte[] in, int at, int removed, byte[] added) {
        byte[] out = new byte[in.length - removed + added.length];
        System.arraycopy(in, 0, out, 0, at);
        System.arraycopy(added, 0, out, at, added.length);
        System.arraycopy(in, at + removed, out, at + added.length, in.length - at - removed);
        return out;
    }
}
