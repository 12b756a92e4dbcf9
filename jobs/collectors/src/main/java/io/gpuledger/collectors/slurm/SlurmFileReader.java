package io.gpuledger.collectors.slurm;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuledger.collectors.file.BadRecordException;
import io.gpuledger.collectors.file.InputException;
import io.gpuledger.collectors.file.InputFile;
import io.gpuledger.collectors.file.InputSink;
import io.gpuledger.collectors.file.InputTally;
import io.gpuledger.schemas.HeartbeatKind;
import io.gpuledger.schemas.HostSnapshotRecord;
import io.gpuledger.schemas.JobSnapshotRecord;
import io.gpuledger.schemas.JobSource;
import io.gpuledger.schemas.NodeDeviceRecord;
import io.gpuledger.schemas.SchedulerHeartbeatRecord;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads one file of any Slurm format. Nothing reaches the sink of a file that cannot be read whole.
 */
public final class SlurmFileReader {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern PAIR = Pattern.compile("(?<=\\s|^)([A-Za-z_:/]+)=(\\S*)");
    private static final long UNSET = Long.MIN_VALUE;
    private static final int ROW_LIMIT = 1 << 20;

    /** The zone is that of times without one; the override is in epoch milliseconds. */
    public record Options(String cluster, ZoneId zone, @Nullable Long observedAtOverride) {}

    private final Options options;

    public SlurmFileReader(Options options) {
        this.options = options;
    }

    public void read(InputFile file, InputSink sink) throws InputException {
        new Reading(file, sink).run();
    }

    /** One record that is not meant to be used, and why. */
    private static final class NotUsed extends Exception {
        private static final long serialVersionUID = 1L;

        NotUsed(String reason) {
            super(reason);
        }

        String reason() {
            return String.valueOf(getMessage());
        }
    }

    private final class Reading {
        private final InputFile file;
        private final InputSink sink;
        private final InputTally tally;
        private final List<JobSnapshotRecord> jobs = new ArrayList<>();
        private final List<HostSnapshotRecord> hosts = new ArrayList<>();
        private final List<Runnable> deadLetters = new ArrayList<>();
        private long latest = UNSET;
        private boolean poll;
        private boolean accounting;

        Reading(InputFile file, InputSink sink) {
            this.file = file;
            this.sink = sink;
            this.tally = new InputTally(options.cluster(), file.path().toString(), sink);
        }

        void run() throws InputException {
            try (InputStream in = file.open()) {
                switch (file.format()) {
                    case SLURM_JOBS_JSON -> json(in, "jobs");
                    case SLURM_NODES_JSON -> json(in, "nodes");
                    case SCONTROL_JOBS -> blocks(in, "JobId=");
                    case SCONTROL_NODES -> blocks(in, "NodeName=");
                    case SACCT -> sacct(in);
                    case HOOKS, JOBCOMP -> lines(in);
                    case DCGM ->
                            throw new InputException(
                                    file.path(), "holds GPU telemetry; give it as --dcgm");
                }
            } catch (JsonProcessingException e) {
                throw new InputException(
                        file.path(),
                        "JSON is broken (" + e.getOriginalMessage() + "); write it again",
                        e);
            } catch (IOException e) {
                throw InputFile.unreadable(file.path(), e);
            }
            emit();
        }

        private void emit() throws InputException {
            Long override = options.observedAtOverride();
            OptionalLong named = file.nameTimeMs();
            boolean explicit = override != null || named.isPresent();
            long observed = override != null ? override : named.orElse(latest);
            if (observed == UNSET && (!hosts.isEmpty() || jobs.stream().anyMatch(this::undated))) {
                throw new InputException(
                        file.path(), "holds no time of observation; give --observed-at");
            }
            long from = Long.MAX_VALUE;
            for (Runnable r : deadLetters) {
                r.run();
            }
            for (JobSnapshotRecord r : jobs) {
                if (undated(r)) {
                    r.setObservedAtMs(observed);
                }
                Long start = r.getStartMs();
                if (start != null) {
                    from = Math.min(from, start);
                }
                sink.job(r);
            }
            for (HostSnapshotRecord r : hosts) {
                r.setObservedAtMs(observed);
                sink.host(r);
            }
            if (poll && !accounting && explicit) {
                // A job that could not be read is not absent: such a poll must end no run.
                heartbeat(
                        deadLetters.isEmpty()
                                ? HeartbeatKind.COMPLETE_POLL
                                : HeartbeatKind.HEARTBEAT,
                        observed,
                        null);
            }
            if (accounting && from <= observed) {
                heartbeat(HeartbeatKind.BOUNDED_ACCOUNTING, observed, from);
            }
            tally.close();
        }

        private boolean undated(JobSnapshotRecord r) {
            return r.getObservedAtMs() == UNSET;
        }

        private void heartbeat(HeartbeatKind kind, long at, @Nullable Long from) {
            SchedulerHeartbeatRecord h = new SchedulerHeartbeatRecord();
            h.setCluster(options.cluster());
            h.setObservedAtMs(at);
            h.setKind(kind);
            h.setCoveredFromMs(from);
            h.setOrigin(file.path().toString());
            sink.heartbeat(h);
        }

        private void dead(BadRecordException e, long position, String payload) {
            // Held back like the rest: a file that breaks later says nothing at all.
            deadLetters.add(() -> tally.deadLetter(e.reason(), e.detail(), position, payload));
        }

        private void seen(@Nullable Long ms) {
            if (ms != null) {
                latest = Math.max(latest, ms);
            }
        }

        private JobSnapshotRecord job(JobSource source, long position) {
            JobSnapshotRecord r = new JobSnapshotRecord();
            r.setCluster(options.cluster());
            r.setObservedAtMs(UNSET);
            r.setSource(source);
            r.setOrigin(file.path() + ":" + position);
            r.setJobId("");
            r.setState("");
            r.setGpuTypes(new ArrayList<>());
            r.setDevices(new ArrayList<>());
            r.setFlags(new ArrayList<>());
            return r;
        }

        private void keep(JobSnapshotRecord r) throws BadRecordException {
            Long start = r.getStartMs();
            Long end = r.getEndMs();
            if (start != null && end != null && end < start) {
                throw new BadRecordException(
                        "BAD_TIME", "job " + r.getRawJobId() + " ends before it starts");
            }
            seen(r.getSubmitMs());
            seen(start);
            seen(end);
            seen(r.getSuspendAtMs());
            seen(r.getResizedAtMs());
            jobs.add(r);
            tally.used();
        }

        private void tres(JobSnapshotRecord r, Tres t) {
            r.setGpuCount(t.gpuCount());
            r.setGpuTypes(new ArrayList<>(t.gpuTypes()));
            r.setShardCount(t.shardCount());
        }

        /** A site that does not track gres/gpu shows no GPU in TRES; the devices are the truth. */
        private void countDevices(JobSnapshotRecord r) {
            int n = 0;
            for (NodeDeviceRecord d : r.getDevices()) {
                if (d.getKind().equals("gpu")) {
                    n += d.getCount();
                    if (!d.getGresType().isEmpty() && !r.getGpuTypes().contains(d.getGresType())) {
                        r.getGpuTypes().add(d.getGresType());
                    }
                }
            }
            Integer count = r.getGpuCount();
            if (n > 0 && (count == null || count == 0)) {
                r.setGpuCount(n);
            }
            r.getGpuTypes().sort(null);
        }

        private void json(InputStream in, String list) throws IOException, InputException {
            boolean complete = false;
            boolean errors = false;
            int count = 0;
            try (JsonParser p = JSON.createParser(in)) {
                p.nextToken();
                while (p.nextToken() == JsonToken.FIELD_NAME) {
                    String key = p.currentName();
                    p.nextToken();
                    if (key.equals(list) && p.currentToken() == JsonToken.START_ARRAY) {
                        while (p.nextToken() != JsonToken.END_ARRAY) {
                            JsonNode n = JSON.readTree(p);
                            count++;
                            jsonElement(n, list, count);
                        }
                        complete = true;
                    } else {
                        JsonNode n = JSON.readTree(p);
                        if (key.equals("errors")) {
                            errors = n.isArray() && !n.isEmpty();
                        } else if (key.equals("last_update")) {
                            seenUpdate(n);
                        } else if (key.equals("meta")
                                && n.path("plugin").path("type").asText().contains("openapi/db")) {
                            accounting = true;
                        }
                    }
                }
                if (p.currentToken() != JsonToken.END_OBJECT) {
                    throw new InputException(
                            file.path(), "JSON ends in the middle; write it again");
                }
            }
            poll = complete && !errors && list.equals("jobs");
            accounting &= !errors;
        }

        private void seenUpdate(JsonNode n) {
            try {
                seen(JsonValues.time(n));
            } catch (BadRecordException e) {
                tally.droppedField();
            }
        }

        private void jsonElement(JsonNode n, String list, int position) {
            try {
                if (list.equals("nodes")) {
                    node(n, position);
                } else if (n.has("time") && n.path("time").isObject()) {
                    accounting = true;
                    accountingJob(n, position);
                } else {
                    controllerJob(n, position);
                }
            } catch (NotUsed e) {
                tally.ignored(e.reason());
            } catch (BadRecordException e) {
                dead(e, position, n.toString());
            }
        }

        private long rawId(JsonNode n) throws BadRecordException {
            Long id = JsonValues.number(n);
            if (id == null || id <= 0) {
                throw new BadRecordException("BAD_JOB_ID", "no usable job id: '" + n + "'");
            }
            return id;
        }

        private String shown(
                long raw,
                @Nullable Long array,
                @Nullable Long task,
                @Nullable Long het,
                @Nullable Long offset) {
            if (array != null && array > 0 && task != null) {
                return array + "_" + task;
            }
            if (het != null && het > 0 && offset != null) {
                return het + "+" + offset;
            }
            return Long.toString(raw);
        }

        private void controllerJob(JsonNode n, int position) throws BadRecordException {
            JobSnapshotRecord r = job(JobSource.CONTROLLER, position);
            long raw = rawId(n.path("job_id"));
            r.setRawJobId(raw);
            r.setJobId(
                    shown(
                            raw,
                            JsonValues.number(n.path("array_job_id")),
                            JsonValues.number(n.path("array_task_id")),
                            JsonValues.number(n.path("het_job_id")),
                            JsonValues.number(n.path("het_job_offset"))));
            String state = JsonValues.state(n.path("job_state"));
            r.setState(state);
            boolean pending = state.equals("PENDING");
            r.setSubmitMs(JsonValues.time(n.path("submit_time")));
            r.setStartMs(pending ? null : JsonValues.time(n.path("start_time")));
            r.setEndMs(JobStates.ended(state) ? JsonValues.time(n.path("end_time")) : null);
            r.setRestartCount(JsonValues.integer(n.path("restart_cnt")));
            r.setAccount(JsonValues.text(n.path("account")));
            r.setUser(JsonValues.text(n.path("user_name")));
            r.setPartition(JsonValues.text(n.path("partition")));
            r.setQos(JsonValues.text(n.path("qos")));
            r.setName(JsonValues.text(n.path("name")));
            List<String> nodes = HostList.expand(n.path("nodes").asText(""));
            r.setNodes(pending || nodes.isEmpty() ? null : nodes);
            tres(r, pending ? Tres.UNSAID : Tres.parse(JsonValues.text(n.path("tres_alloc_str"))));
            JsonNode detail = n.path("gres_detail");
            if (detail.size() == nodes.size()) {
                for (int i = 0; i < detail.size(); i++) {
                    r.getDevices().addAll(Gres.devices(detail.get(i).asText(), nodes.get(i)));
                }
            } else if (!detail.isEmpty()) {
                tally.droppedField();
            }
            countDevices(r);
            Long suspended = JsonValues.time(n.path("suspend_time"));
            Long before = JsonValues.duration(n.path("pre_sus_time"));
            r.setSuspendAtMs(suspended);
            r.setRunningBeforeSuspendMs(suspended == null ? null : before);
            r.setResizedAtMs(JsonValues.time(n.path("resize_time")));
            seen(JsonValues.time(n.path("last_sched_evaluation")));
            keep(r);
        }

        private void accountingJob(JsonNode n, int position) throws BadRecordException, NotUsed {
            JobSnapshotRecord r = job(JobSource.ACCOUNTING, position);
            long raw = rawId(n.path("job_id"));
            r.setRawJobId(raw);
            r.setJobId(
                    shown(
                            raw,
                            JsonValues.number(n.path("array").path("job_id")),
                            JsonValues.number(n.path("array").path("task_id")),
                            JsonValues.number(n.path("het").path("job_id")),
                            JsonValues.number(n.path("het").path("job_offset"))));
            JsonNode time = n.path("time");
            String state = JsonValues.state(n.path("state").path("current"));
            Long start = JsonValues.time(time.path("start"));
            if (start == null || state.equals("PENDING")) {
                throw new NotUsed("not started");
            }
            r.setState(state);
            r.setSubmitMs(JsonValues.time(time.path("submission")));
            Long end = JobStates.ended(state) ? JsonValues.time(time.path("end")) : null;
            Long suspended = JsonValues.duration(time.path("suspended"));
            r.setStartMs(trueStart(start, end, suspended, time));
            r.setEndMs(end);
            r.setSuspendedTotalMs(suspended);
            r.setRestartCount(JsonValues.integer(n.path("restart_cnt")));
            JsonNode association = n.path("association");
            String account = JsonValues.text(n.path("account"));
            r.setAccount(account == null ? JsonValues.text(association.path("account")) : account);
            String user = JsonValues.text(n.path("user"));
            r.setUser(user == null ? JsonValues.text(association.path("user")) : user);
            r.setPartition(JsonValues.text(n.path("partition")));
            r.setQos(JsonValues.text(n.path("qos")));
            r.setName(JsonValues.text(n.path("name")));
            List<String> nodes = HostList.expand(n.path("nodes").asText(""));
            r.setNodes(nodes.isEmpty() ? null : nodes);
            JsonNode allocated = n.path("tres").path("allocated");
            if (!allocated.isEmpty()) {
                Tres.Sum sum = new Tres.Sum();
                for (JsonNode t : allocated) {
                    Long c = JsonValues.number(t.path("count"));
                    if (t.path("type").asText().equals("gres") && c != null) {
                        sum.add(t.path("name").asText(), Long.toString(c));
                    }
                }
                tres(r, sum.tres());
            }
            keep(r);
        }

        private HostSnapshotRecord host(String name, String source, long position) {
            HostSnapshotRecord h = new HostSnapshotRecord();
            h.setCluster(options.cluster());
            h.setHost(name);
            h.setSource(source);
            h.setOrigin(file.path() + ":" + position);
            h.setPresent(true);
            h.setGpus(new ArrayList<>());
            h.setInstances(new ArrayList<>());
            return h;
        }

        private void node(JsonNode n, int position) throws BadRecordException {
            String name = JsonValues.text(n.path("name"));
            if (name == null) {
                throw new BadRecordException("UNREADABLE", "node without a name");
            }
            HostSnapshotRecord h = host(name, "nodes-json", position);
            List<String> states = new ArrayList<>();
            for (JsonNode list : List.of(n.path("state"), n.path("state_flags"))) {
                if (list.isArray()) {
                    for (JsonNode s : list) {
                        addState(states, s.asText());
                    }
                } else {
                    addState(states, list.asText(""));
                }
            }
            h.setStates(states);
            h.setGres(Gres.configured(n.path("gres").asText("")));
            seen(JsonValues.time(n.path("last_busy")));
            seen(JsonValues.time(n.path("boot_time")));
            seen(JsonValues.time(n.path("slurmd_start_time")));
            hosts.add(h);
            tally.used();
        }

        private void addState(List<String> states, String text) {
            for (String part : text.toUpperCase(Locale.ROOT).split("\\+", -1)) {
                String s = part;
                while (!s.isEmpty() && "*~#!%$@^-".indexOf(s.charAt(s.length() - 1)) >= 0) {
                    if (s.endsWith("*") && !states.contains("NOT_RESPONDING")) {
                        states.add("NOT_RESPONDING");
                    }
                    s = s.substring(0, s.length() - 1);
                }
                if (!s.isEmpty() && !states.contains(s)) {
                    states.add(s);
                }
            }
        }

        private void blocks(InputStream in, String head) throws IOException {
            BufferedReader reader = reader(in);
            StringBuilder block = new StringBuilder();
            int number = 0;
            int begin = 0;
            String line = reader.readLine();
            while (line != null) {
                number++;
                if (line.startsWith(head)) {
                    block(block.toString(), begin, head);
                    block.setLength(0);
                    begin = number;
                    block.append(line);
                } else if (!line.isBlank() && !line.startsWith("No jobs in the system")) {
                    block.append(' ').append(line.strip());
                }
                line = reader.readLine();
            }
            block(block.toString(), begin, head);
            poll = head.equals("JobId=");
        }

        private void block(String text, int position, String head) {
            if (text.isBlank()) {
                return;
            }
            try {
                if (head.equals("JobId=")) {
                    textJob(text, position);
                } else {
                    textNode(text, position);
                }
            } catch (BadRecordException e) {
                dead(e, position, text);
            }
        }

        private void textJob(String text, int position) throws BadRecordException {
            JobText t = new JobText(text);
            JobSnapshotRecord r = job(JobSource.CONTROLLER, position);
            long raw = Integers.parseLong(or(t.get("JobId"), ""), "JobId");
            r.setRawJobId(raw);
            String task = t.get("ArrayTaskId");
            String offset = t.get("HetJobOffset");
            if (t.get("ArrayJobId") != null && task != null) {
                r.setJobId(t.get("ArrayJobId") + "_" + task);
            } else if (t.get("HetJobId") != null && offset != null) {
                r.setJobId(t.get("HetJobId") + "+" + offset);
            } else {
                r.setJobId(Long.toString(raw));
            }
            String state = JobStates.base(or(t.get("JobState"), ""));
            r.setState(state);
            boolean pending = state.equals("PENDING");
            boolean ended = JobStates.ended(state);
            SlurmTime.Resolved times =
                    SlurmTime.resolve(
                            t.get("SubmitTime"),
                            pending ? null : t.get("StartTime"),
                            ended ? t.get("EndTime") : null,
                            t.get("SuspendTime") == null || "None".equals(t.get("SuspendTime"))
                                    ? SlurmTime.duration(t.get("RunTime"))
                                    : null,
                            options.zone());
            times(r, times);
            String restarts = t.get("Restarts");
            r.setRestartCount(restarts == null ? null : Integers.parse(restarts, "Restarts"));
            r.setAccount(t.get("Account"));
            r.setUser(t.get("User"));
            r.setPartition(t.get("Partition"));
            r.setQos(t.get("QOS"));
            r.setName(t.get("JobName"));
            List<String> nodes = HostList.expand(or(t.get("NodeList"), ""));
            r.setNodes(pending || nodes.isEmpty() ? null : nodes);
            String allocated = t.get("AllocTRES");
            tres(
                    r,
                    pending
                            ? Tres.UNSAID
                            : Tres.parse(allocated == null ? t.get("TRES") : allocated));
            r.setDevices(new ArrayList<>(t.devices()));
            countDevices(r);
            Long suspended = SlurmTime.earliest(t.get("SuspendTime"), options.zone());
            String before = t.get("SecsPreSuspend");
            r.setSuspendAtMs(suspended);
            r.setRunningBeforeSuspendMs(
                    suspended == null || before == null
                            ? null
                            : Integers.parse(before, "SecsPreSuspend") * 1000L);
            seen(SlurmTime.earliest(t.get("LastSchedEval"), options.zone()));
            keep(r);
        }

        private void times(JobSnapshotRecord r, SlurmTime.Resolved times) {
            r.setSubmitMs(times.submit());
            r.setStartMs(times.start());
            r.setEndMs(times.end());
            if (times.ambiguous()) {
                r.getFlags().add("TIME_AMBIGUOUS");
            }
        }

        private void textNode(String text, int position) throws BadRecordException {
            Map<String, String> values = new HashMap<>();
            Matcher m = PAIR.matcher(text);
            while (m.find()) {
                values.putIfAbsent(m.group(1), m.group(2));
            }
            HostSnapshotRecord h = host(or(values.get("NodeName"), ""), "scontrol-node", position);
            List<String> states = new ArrayList<>();
            addState(states, or(values.get("State"), ""));
            h.setStates(states);
            String gres = or(values.get("Gres"), "");
            h.setGres(Gres.configured(gres.equals("(null)") ? "" : gres));
            for (String key : List.of("BootTime", "SlurmdStartTime", "LastBusyTime")) {
                seen(SlurmTime.earliest(values.get(key), options.zone()));
            }
            hosts.add(h);
            tally.used();
        }

        private void lines(InputStream in) throws IOException {
            BufferedReader reader = reader(in);
            int number = 0;
            String line = reader.readLine();
            while (line != null) {
                number++;
                if (!line.isBlank()) {
                    line(line, number);
                }
                line = reader.readLine();
            }
        }

        private void line(String line, int number) {
            try {
                JsonNode n = JSON.readTree(line);
                if (n.has("hook")) {
                    hook(n, number);
                } else if (n.has("body")) {
                    jobcomp(n.path("body"), millis(n.path("ts")), number);
                } else {
                    jobcomp(n, null, number);
                }
            } catch (JsonProcessingException e) {
                dead(
                        new BadRecordException(
                                "UNREADABLE", "not JSON: " + e.getOriginalMessage(), e),
                        number,
                        line);
            } catch (NotUsed e) {
                tally.ignored(e.reason());
            } catch (BadRecordException e) {
                dead(e, number, line);
            }
        }

        private long millis(JsonNode ts) throws BadRecordException {
            try {
                BigDecimal v = new BigDecimal(ts.asText());
                if (v.signum() > 0 && v.compareTo(BigDecimal.valueOf(99_999_999_999L)) < 0) {
                    return v.movePointRight(3).setScale(0, RoundingMode.FLOOR).longValueExact();
                }
            } catch (NumberFormatException e) {
                throw new BadRecordException("BAD_TIME", "ts '" + ts + "' is not a number", e);
            }
            throw new BadRecordException("BAD_TIME", "ts '" + ts + "' is no time in epoch seconds");
        }

        private void hook(JsonNode n, int number) throws BadRecordException, NotUsed {
            String hook = n.path("hook").asText();
            JobSource source =
                    switch (hook) {
                        case "prolog" -> JobSource.PROLOG;
                        case "epilog" -> JobSource.EPILOG;
                        case "prologslurmctld" -> JobSource.PROLOG_SLURMCTLD;
                        case "epilogslurmctld" -> JobSource.EPILOG_SLURMCTLD;
                        default -> throw new NotUsed("hook " + hook);
                    };
            JsonNode env = n.path("env");
            JobSnapshotRecord r = job(source, number);
            r.setObservedAtMs(millis(n.path("ts")));
            long raw = rawId(env.path("SLURM_JOB_ID"));
            r.setRawJobId(raw);
            r.setJobId(
                    shown(
                            raw,
                            JsonValues.number(env.path("SLURM_ARRAY_JOB_ID")),
                            JsonValues.number(env.path("SLURM_ARRAY_TASK_ID")),
                            JsonValues.number(env.path("SLURM_HET_JOB_ID")),
                            JsonValues.number(env.path("SLURM_HET_JOB_OFFSET"))));
            r.setRestartCount(JsonValues.integer(env.path("SLURM_JOB_RESTART_COUNT")));
            r.setAccount(JsonValues.text(env.path("SLURM_JOB_ACCOUNT")));
            r.setUser(JsonValues.text(env.path("SLURM_JOB_USER")));
            r.setPartition(JsonValues.text(env.path("SLURM_JOB_PARTITION")));
            r.setName(JsonValues.text(env.path("SLURM_JOB_NAME")));
            boolean onNode = source == JobSource.PROLOG || source == JobSource.EPILOG;
            String host = JsonValues.text(env.path("SLURMD_NODENAME"));
            if (onNode && host == null) {
                throw new BadRecordException("UNREADABLE", "hook without SLURMD_NODENAME");
            }
            List<String> nodes =
                    onNode && host != null
                            ? List.of(host)
                            : HostList.expand(env.path("SLURM_JOB_NODELIST").asText(""));
            r.setNodes(nodes.isEmpty() ? null : nodes);
            String gpus = JsonValues.text(env.path("SLURM_JOB_GPUS"));
            if (onNode && host != null && gpus != null) {
                List<Integer> indices = Gres.indexList(gpus);
                NodeDeviceRecord d = new NodeDeviceRecord();
                d.setHost(host);
                d.setKind("gpu");
                d.setGresType("");
                d.setCount(indices.size());
                d.setIndices(indices);
                d.setIndexCounts(new ArrayList<>());
                r.getDevices().add(d);
            }
            keep(r);
        }

        private void jobcomp(JsonNode n, @Nullable Long ts, int number)
                throws BadRecordException, NotUsed {
            JobSnapshotRecord r = job(JobSource.JOBCOMP, number);
            long raw = rawId(n.path("jobid"));
            r.setRawJobId(raw);
            r.setJobId(
                    shown(
                            raw,
                            JsonValues.number(n.path("array_job_id")),
                            JsonValues.number(n.path("array_task_id")),
                            JsonValues.number(n.path("het_job_id")),
                            JsonValues.number(n.path("het_job_offset"))));
            String state = JobStates.base(n.path("state").asText(""));
            r.setState(state);
            // A resize document has the time limit as its length: its end is a forecast.
            boolean resize = state.equals("RESIZING");
            Long elapsed = JsonValues.duration(n.path("elapsed"));
            SlurmTime.Resolved times =
                    SlurmTime.resolve(
                            JsonValues.text(n.path("@submit")),
                            JsonValues.text(n.path("@start")),
                            resize ? null : JsonValues.text(n.path("@end")),
                            elapsed,
                            options.zone());
            times(r, times);
            List<String> nodes = HostList.expand(n.path("nodes").asText(""));
            if (times.start() == null || nodes.isEmpty()) {
                throw new NotUsed("not started");
            }
            r.setNodes(nodes);
            Long end = times.end();
            r.setObservedAtMs(ts != null ? ts : end != null ? end : UNSET);
            r.setAccount(JsonValues.text(n.path("account")));
            r.setUser(JsonValues.text(n.path("username")));
            r.setPartition(JsonValues.text(n.path("partition")));
            r.setQos(JsonValues.text(n.path("qos")));
            r.setName(JsonValues.text(n.path("job_name")));
            String formatted = JsonValues.text(n.path("tres_fmt_alloc_str"));
            tres(
                    r,
                    Tres.parse(
                            formatted == null ? JsonValues.text(n.path("tres_alloc")) : formatted));
            keep(r);
        }

        private void sacct(InputStream in) throws IOException, InputException {
            BufferedReader reader = reader(in);
            String header = reader.readLine();
            if (header == null) {
                throw new InputException(file.path(), "is empty; give sacct's output");
            }
            SacctHeader columns = SacctHeader.parse(header, file.path());
            accounting = true;
            int number = 1;
            int begin = 0;
            int heldAt = 0;
            String held = "";
            String row = "";
            String line = reader.readLine();
            while (line != null) {
                number++;
                if (!row.isEmpty() && columns.fields(line) == columns.size()) {
                    // A whole row follows: what came before cannot become one.
                    if (columns.isContinuation(held, row)) {
                        held = columns.continued(held, row);
                    } else {
                        row(row, columns, begin);
                    }
                    row = "";
                }
                if (row.isEmpty()) {
                    begin = number;
                    row = line;
                } else {
                    row = row + " " + line;
                }
                if (columns.fields(row) >= columns.size() || row.length() > ROW_LIMIT) {
                    row(held, columns, heldAt);
                    held = row;
                    heldAt = begin;
                    row = "";
                }
                line = reader.readLine();
            }
            if (columns.isContinuation(held, row)) {
                held = columns.continued(held, row);
                row = "";
            }
            row(held, columns, heldAt);
            row(row, columns, begin);
        }

        private void row(String row, SacctHeader columns, int number) {
            if (row.isBlank()) {
                return;
            }
            try {
                accountingRow(columns.row(row), number);
            } catch (NotUsed e) {
                tally.ignored(e.reason());
            } catch (BadRecordException e) {
                dead(e, number, row);
            }
        }

        private void accountingRow(Map<String, String> v, int number)
                throws BadRecordException, NotUsed {
            String id = or(v.get("jobidraw"), or(v.get("jobid"), ""));
            if (id.indexOf('.') >= 0) {
                throw new NotUsed("step");
            }
            JobSnapshotRecord r = job(JobSource.ACCOUNTING, number);
            r.setRawJobId(Integers.parseLong(id, "JobIDRaw"));
            r.setJobId(or(v.get("jobid"), id));
            String state = JobStates.base(or(v.get("state"), ""));
            r.setState(state);
            Long suspended = SlurmTime.duration(v.get("suspended"));
            String raw = v.get("elapsedraw");
            Long elapsed =
                    raw != null && !raw.isBlank()
                            ? (Long) (Integers.parse(raw, "ElapsedRaw") * 1000L)
                            : SlurmTime.duration(v.get("elapsed"));
            SlurmTime.Resolved times =
                    SlurmTime.resolve(
                            v.get("submit"),
                            v.get("start"),
                            JobStates.ended(state) ? v.get("end") : null,
                            elapsed == null
                                    ? null
                                    : (Long) (elapsed + (suspended == null ? 0 : suspended)),
                            options.zone());
            if (times.start() == null || state.equals("PENDING")) {
                throw new NotUsed("not started");
            }
            times(r, times);
            r.setSuspendedTotalMs(suspended);
            r.setAccount(orNull(v.get("account")));
            r.setUser(orNull(v.get("user")));
            r.setPartition(orNull(v.get("partition")));
            r.setQos(orNull(v.get("qos")));
            r.setName(orNull(v.get("jobname")));
            List<String> nodes = HostList.expand(or(v.get("nodelist"), ""));
            r.setNodes(nodes.isEmpty() ? null : nodes);
            tres(r, Tres.parse(v.get("alloctres")));
            keep(r);
        }
    }

    private static BufferedReader reader(InputStream in) {
        return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    }

    private static String or(@Nullable String value, String other) {
        return value == null ? other : value;
    }

    private static @Nullable String orNull(@Nullable String value) {
        return value == null || value.isEmpty() ? null : value;
    }

    /**
     * data_parser v0.0.37 gives the eligible time as the start. It shows: the run would be longer
     * than its own length, and then the start follows from end and length.
     */
    private static Long trueStart(
            Long start, @Nullable Long end, @Nullable Long suspendedMs, JsonNode time)
            throws BadRecordException {
        Long elapsedMs = JsonValues.duration(time.path("elapsed"));
        if (end == null
                || elapsedMs == null
                || !start.equals(JsonValues.time(time.path("eligible")))) {
            return start;
        }
        long length = elapsedMs + (suspendedMs == null ? 0 : suspendedMs);
        return end - start != length ? Long.valueOf(end - length) : start;
    }
}
