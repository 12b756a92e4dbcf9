package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.core.InputLimits;
import io.gpuledger.schemas.ConfiguredGresRecord;
import io.gpuledger.schemas.NodeDeviceRecord;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * GRES texts of one node: {@code gpu:h100:2(IDX:0-1),shard:3(IDX:0(3/4))}; {@code mps:50(IDX:0(
 * 50/100))} is read as shards, see {@link Tres}.
 */
public final class Gres {
    private Gres() {}

    private record Item(String kind, String type, int count, String inside) {}

    public static List<NodeDeviceRecord> devices(String text, String host)
            throws BadRecordException {
        List<NodeDeviceRecord> out = new ArrayList<>();
        for (Item item : items(text)) {
            NodeDeviceRecord d = new NodeDeviceRecord();
            d.setHost(host);
            d.setKind(item.kind());
            d.setGresType(item.type());
            List<Integer> indices = new ArrayList<>();
            List<Integer> counts = new ArrayList<>();
            if (item.inside().startsWith("IDX:")
                    && !item.inside().equals("IDX:N/A")
                    && !item.inside().equals("IDX:")) {
                indices(item.inside().substring(4), indices, counts);
            }
            d.setIndices(indices);
            d.setIndexCounts(counts.size() == indices.size() ? counts : new ArrayList<>());
            d.setCount(item.count());
            if (item.count() > 0) {
                out.add(d);
            }
        }
        return out;
    }

    public static List<ConfiguredGresRecord> configured(String text) throws BadRecordException {
        List<ConfiguredGresRecord> out = new ArrayList<>();
        for (Item item : items(text)) {
            ConfiguredGresRecord g = new ConfiguredGresRecord();
            g.setKind(item.kind());
            g.setGresType(item.type());
            g.setCount(item.count());
            out.add(g);
        }
        return out;
    }

    /** A list of indices as in SLURM_JOB_GPUS: {@code 0,2-3}. */
    static List<Integer> indexList(String text) throws BadRecordException {
        List<Integer> indices = new ArrayList<>();
        indices(text, indices, new ArrayList<>());
        return indices;
    }

    private static void indices(String text, List<Integer> indices, List<Integer> counts)
            throws BadRecordException {
        BitSet seen = new BitSet();
        for (String token : TopLevel.split(text, '(', ')')) {
            int open = token.indexOf('(');
            String range = open < 0 ? token : token.substring(0, open);
            int dash = range.indexOf('-');
            int lo = Integers.parse(dash < 0 ? range : range.substring(0, dash), "GRES " + text);
            int hi = dash < 0 ? lo : Integers.parse(range.substring(dash + 1), "GRES " + text);
            if (hi < lo || hi >= InputLimits.GPUS) {
                throw new BadRecordException(
                        "BAD_GRES", "index range '" + range + "' is impossible");
            }
            for (int i = lo; i <= hi; i++) {
                if (seen.get(i)) {
                    throw new BadRecordException("BAD_GRES", "index " + i + " is there twice");
                }
                seen.set(i);
                indices.add(i);
                int slash = token.indexOf('/');
                if (open >= 0 && slash > open) {
                    counts.add(Integers.parse(token.substring(open + 1, slash), "GRES " + text));
                }
            }
        }
    }

    private static List<Item> items(String text) throws BadRecordException {
        List<Item> out = new ArrayList<>();
        for (String token : TopLevel.split(text, '(', ')')) {
            int open = token.indexOf('(');
            String head = open < 0 ? token : token.substring(0, open);
            String inside =
                    open < 0 || !token.endsWith(")")
                            ? ""
                            : token.substring(open + 1, token.length() - 1);
            if (head.startsWith("gres/") || head.startsWith("gres:")) {
                head = head.substring(5);
            }
            String[] parts = head.split(":", -1);
            String kind = parts[0].equals("mps") ? "shard" : parts[0];
            if (!kind.equals("gpu") && !kind.equals("shard")) {
                continue;
            }
            String last = parts[parts.length - 1];
            boolean counted =
                    parts.length > 1
                            && !last.isEmpty()
                            && last.chars().allMatch(c -> c >= '0' && c <= '9');
            int count = counted ? Integers.parse(last, "GRES " + text) : 1;
            if (count > (kind.equals("gpu") ? InputLimits.GPUS : InputLimits.SHARDS)) {
                throw new BadRecordException("BAD_GRES", "count in '" + token + "' is impossible");
            }
            if (out.size() >= InputLimits.TYPES) {
                throw new BadRecordException(
                        "BAD_GRES", "more than " + InputLimits.TYPES + " kinds of GPU on one node");
            }
            int end = counted ? parts.length - 1 : parts.length;
            out.add(new Item(kind, end > 1 ? parts[1] : "", count, inside));
        }
        return out;
    }
}
