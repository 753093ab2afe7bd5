import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Arguments: bootstrap server, prefix of all names. Runs every scenario against one broker, several at a time, and
 * prints what each saw, one JSON object per line, scenario by scenario in a fixed order.
 *
 * What is printed never depends on ids, clocks or the pace of the machine, so that runs can be compared as text. A
 * scenario that breaks off prints why as its last line.
 */
final class Main {
    private static final int AT_ONCE = 4;

    public static void main(String[] arguments) throws Exception {
        report(new Broker(arguments[0], arguments[1]), scenarios());
    }

    /** Runs `scenarios`, prints their reports in this order, and ends the process. */
    static void report(Broker broker, Map<String, Scenario> scenarios) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
        Map<String, Future<Report>> running = new LinkedHashMap<>();
        // The ones that wait for timeouts begin first.
        scenarios.forEach((name, scenario) -> running.put(name, threads.submit(() -> run(name, scenario, broker))));
        for (Future<Report> report : running.values()) {
            System.out.print(report.get());
        }
        System.out.flush();
        System.exit(0);
    }

    private static Map<String, Scenario> scenarios() {
        Map<String, Scenario> all = new LinkedHashMap<>();
        all.put("member killed", Membership::killed);
        all.put("members join and leave", Membership::joinAndLeave);
        all.put("static members", Membership::staticMembers);
        all.put("cooperative members", Membership::cooperative);
        all.put("compacted topics", Ageing::compacted);
        all.put("tombstones", Ageing::tombstones);
        all.put("retention", Ageing::retained);
        all.put("renewed topic", Renewal::underLoad);
        all.put("group errors", Membership::errors);
        all.put("commit and resume", Offsets::commitAndResume);
        all.put("offsets by an administrator", Offsets::administered);
        all.put("failing producers", Failures::producers);
        all.put("failing consumers", Failures::consumers);
        all.put("topics", Topics::lifeCycle);
        all.put("bad topics", Topics::refused);
        all.put("records", Producing::everyKindOfRecord);
        all.put("bulk", Producing::bulk);
        all.put("acks", Producing::acks);
        all.put("append time", Producing::appendTime);
        all.put("seek by offset", Seeking::byOffset);
        all.put("seek by time", Seeking::byTime);
        all.put("codecs of topics", Recompressed::everyPair);
        all.put("deleted records", Deleting::records);
        all.put("records that stay", Deleting::refused);
        all.put("times of the broker", Times::ofTheBroker);
        all.put("times within limits", Times::withinLimits);
        all.put("fetch limits", Seeking::fetchLimits);
        return all;
    }

    private static Report run(String name, Scenario scenario, Broker broker) {
        Report report = new Report(name);
        long begin = System.nanoTime();
        try {
            scenario.run(broker, report);
        } catch (Throwable failure) {
            failure.printStackTrace();
            report.line("broken off", "why", failure.toString());
        }
        System.err.println(name + ": " + (System.nanoTime() - begin) / 1_000_000 + " ms");
        return report;
    }

    /** What a client does and sees. */
    interface Scenario {
        void run(Broker broker, Report report) throws Exception;
    }
}
