import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main methods of Kafka's tools one after another in this one virtual machine. Each line of the standard
 * input is a call: {"main": class, "arguments": [...], "input": text}. Each call is answered by a line of the standard
 * output: {"exit": code, "stdout": text, "stderr": text}.
 *
 * A tool that exits ends its call only: by an exception, and since some tools catch that as if it were a failure of
 * their own, the first exit code counts and what is printed after it does not. Hooks that a tool adds for the end of
 * the process run at the end of its call, as they would in a process of its own.
 */
final class ToolRunner {
    private static final List<Runnable> HOOKS = new ArrayList<>();
    private static final PrintStream NOWHERE = new PrintStream(OutputStream.nullOutputStream());
    private static Exited exited;

    public static void main(String[] none) throws Exception {
        PrintStream answers = System.out;
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Exit.setExitProcedure(ToolRunner::exited);
        Exit.setHaltProcedure(ToolRunner::exited);
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        ObjectMapper json = new ObjectMapper();
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            byte[] answer = json.writeValueAsBytes(call(json.readTree(line)));
            answers.write(answer, 0, answer.length);
            answers.write('\n');
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static Map<String, Object> call(JsonNode call) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        InputStream in = System.in;
        ByteArrayOutputStream stdout = new ByteArrayOutputStream();
        ByteArrayOutputStream stderr = new ByteArrayOutputStream();
        System.setOut(new PrintStream(stdout, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(stderr, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(call.get("input").asText().getBytes(StandardCharsets.UTF_8)));
        exited = null;
        try {
            List<String> arguments = new ArrayList<>();
            call.get("arguments").forEach(argument -> arguments.add(argument.asText()));
            int exit = run(call.get("main").asText(), arguments.toArray(String[]::new));
            HOOKS.forEach(Runnable::run);
            return Map.of("exit", exit, "stdout", stdout.toString(StandardCharsets.UTF_8), "stderr", stderr.toString(StandardCharsets.UTF_8));
        } finally {
            HOOKS.clear();
            System.setOut(out);
            System.setErr(err);
            System.setIn(in);
        }
    }

    private static int run(String main, String[] arguments) {
        try {
            Class.forName(main).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (exited == null) {
                thrown.getCause().printStackTrace();
                return 1;
            }
        } catch (ReflectiveOperationException noSuchTool) {
            throw new IllegalArgumentException(noSuchTool);
        }
        return exited == null ? 0 : exited.code;
    }

    private static void exited(int code, String message) {
        if (exited == null) {
            exited = new Exited(code);
            if (message != null) {
                System.err.println(message);
            }
            System.setOut(NOWHERE);
            System.setErr(NOWHERE);
        }
        throw exited;
    }

    /** Unwinds the tool that exits. */
    private static final class Exited extends Error {
        private final int code;

        Exited(int code) {
            super(null, null, false, false);
            this.code = code;
        }
    }
}
