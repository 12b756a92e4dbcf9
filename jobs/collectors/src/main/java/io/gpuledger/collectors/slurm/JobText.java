package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.BadRecordException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One job of {@code scontrol show job -d}, its lines joined by blanks. */
final class JobText {
    /** Ends the job name, which may hold anything. */
    private static final Pattern USER = Pattern.compile(" UserId=([^\\s(]+)\\(\\d+\\) GroupId=");

    private static final Pattern PAIR = Pattern.compile("(?<=\\s|^)([A-Z][A-Za-z_:/*]*)=(\\S*)");

    private final Map<String, String> values = new HashMap<>();
    private final List<Devices> devices = new ArrayList<>();

    /** Nodes with the same devices each. */
    record Devices(String nodes, String gres) {}

    JobText(String text) throws BadRecordException {
        Matcher user = USER.matcher(text);
        if (!user.find()) {
            throw new BadRecordException("UNREADABLE", "job text has no UserId");
        }
        // A name may imitate it: the last one before the free texts counts.
        int command = text.indexOf(" Command=", user.end());
        int limit = command < 0 ? text.length() : command;
        int from = user.start();
        String name = user.group(1);
        while (user.find() && user.start() < limit) {
            from = user.start();
            name = user.group(1);
        }
        pairs(text.substring(0, Math.max(0, text.indexOf(" JobName="))));
        int jobName = text.indexOf(" JobName=");
        if (jobName >= 0 && jobName < from) {
            values.put("JobName", text.substring(jobName + 9, from));
        }
        // What follows Comment and Command is free text.
        int comment = text.indexOf(" Comment=", from);
        pairs(text.substring(from, comment >= 0 && comment < limit ? comment : limit));
        values.put("User", name);
    }

    private void pairs(String text) {
        Matcher m = PAIR.matcher(text);
        String nodes = "";
        while (m.find()) {
            String key = m.group(1);
            String value = m.group(2);
            if (key.equals("Nodes")) {
                nodes = value;
            } else if (key.equals("GRES") && !nodes.isEmpty()) {
                if (!value.isEmpty() && !value.equals("(null)")) {
                    devices.add(new Devices(nodes, value));
                }
            } else {
                values.putIfAbsent(key, value);
            }
        }
    }

    @Nullable String get(String key) {
        String v = values.get(key);
        return v == null || v.isEmpty() || v.equals("(null)") ? null : v;
    }

    String getOrEmpty(String key) {
        String v = get(key);
        return v == null ? "" : v;
    }

    List<Devices> devices() {
        return devices;
    }
}
