import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** What one scenario saw: JSON objects, one per line, each with the scenario, the step and named facts. */
final class Report {
    private final String scenario;
    private final StringBuilder lines = new StringBuilder();

    Report(String scenario) {
        this.scenario = scenario;
    }

    /** Adds a line; `facts` are names and values in turn. */
    void line(String step, Object... facts) {
        lines.append("{\"scenario\":").append(json(scenario)).append(",\"step\":").append(json(step));
        for (int i = 0; i < facts.length; i += 2) {
            lines.append(',').append(json(facts[i])).append(':').append(json(facts[i + 1]));
        }
        lines.append("}\n");
    }

    /** Adds a line with how `action` ended: its value, or the class of what it threw. */
    void outcome(String step, Callable<?> action) {
        line(step, "outcome", outcome(action));
    }

    /** "ok", the value, or the name of the exception class without its wrappers. */
    static Object outcome(Callable<?> action) {
        try {
            Object value = action.call();
            return value == null ? "ok" : value;
        } catch (Exception wrapped) {
            Throwable error = wrapped;
            while ((error instanceof ExecutionException || error instanceof CompletionException) && error.getCause() != null) {
                error = error.getCause();
            }
            return error.getClass().getSimpleName();
        }
    }

    @Override
    public String toString() {
        return lines.toString();
    }

    private static String json(Object value) {
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return String.valueOf(value);
        }
        if (value instanceof Map<?, ?> map) {
            StringBuilder members = new StringBuilder();
            new TreeMap<Object, Object>(map).forEach((name, member) ->
                members.append(members.isEmpty() ? "" : ",").append(json(name.toString())).append(':').append(json(member)));
            return "{" + members + "}";
        }
        if (value instanceof Collection<?> items) {
            StringBuilder elements = new StringBuilder();
            for (Iterator<?> item = items.iterator(); item.hasNext();) {
                elements.append(json(item.next())).append(item.hasNext() ? "," : "");
            }
            return "[" + elements + "]";
        }
        return quoted(value.toString());
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        text.chars().forEach(c -> {
            if (c == '"' || c == '\\') {
                out.append('\\').append((char) c);
            } else if (c < 0x20) {
                out.append(String.format("\\u%04x", c));
            } else {
                out.append((char) c);
            }
        });
        return out.append('"').toString();
    }
}
