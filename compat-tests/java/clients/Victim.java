import java.util.List;
import java.util.Set;

/** A group member in a process of its own, to be killed. Prints how many partitions it has, as soon as it has some. */
final class Victim {
    /** Starts it with the virtual machine and the class path of this process. */
    static Process start(String bootstrap, String group, String topic) throws Exception {
        String java = ProcessHandle.current().info().command().orElse("java");
        List<String> command = List.of(java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m", "-cp", System.getProperty("java.class.path"),
            Victim.class.getName(), bootstrap, group, topic);
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }

    public static void main(String[] arguments) throws Exception {
        Broker broker = new Broker(arguments[0], "");
        try (Member member = new Member(broker, "victim", arguments[1], arguments[2])) {
            Set<Integer> last = Set.of();
            long end = System.nanoTime() + 180_000_000_000L;
            while (System.nanoTime() < end) {
                member.poll();
                // Alone at first, perhaps: only a share is worth telling.
                if (member.has().size() == 2 && last.isEmpty()) {
                    last = member.has();
                    System.out.println(last.size());
                }
            }
        }
    }
}
