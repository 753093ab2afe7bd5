import java.util.LinkedHashMap;
import java.util.Map;

/** Like `Main`, for groups of the consumer protocol (KIP-848), where the broker assigns. Only clients since 4.0 have it. */
final class Consumers {
    public static void main(String[] arguments) throws Exception {
        Map<String, Main.Scenario> all = new LinkedHashMap<>();
        all.put("moved group", Moving::thereAndBack);
        all.put("pattern", Sharing::pattern);
        all.put("shared group", Sharing::joinAndLeave);
        all.put("named members", Sharing::named);
        all.put("resumed group", Sharing::resumed);
        Main.report(new Broker(arguments[0], arguments[1]), all);
    }
}
