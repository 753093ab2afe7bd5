import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Sends requests given as JSON, with Kafka's own encoding, and prints the responses as JSON, read with Kafka's own
 * decoding: every API in every version, without a client's own opinion in between.
 *
 * <p>Argument: host:port. Input, a line each: {"api": "CREATE_TOPICS", "version": 7, "body": {...}}. Output, a line
 * each: {"response": {...}} or {"closed": true} when the broker closed the connection instead. A text "$id:NAME" in a
 * body stands for the id that an earlier response gave for the topic NAME. A question with "until": "text" is repeated
 * until its answer contains the text, at most for ten seconds: Kafka's brokers learn of changes a little later.
 */
public final class WireJson {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MESSAGES = "org.apache.kafka.common.message.";

    private final String host;
    private final int port;
    private final Map<String, String> topicIds = new HashMap<>();
    private Socket socket;
    private int correlationId;

    private WireJson(String address) {
        int colon = address.lastIndexOf(':');
        host = address.substring(0, colon);
        port = Integer.parseInt(address.substring(colon + 1));
    }

    public static void main(String[] arguments) throws Exception {
        WireJson wire = new WireJson(arguments[0]);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            ObjectNode answer = wire.askUntil(JSON.readTree(line));
            System.out.write((JSON.writeValueAsString(answer) + "\n").getBytes(StandardCharsets.UTF_8));
        }
        System.out.flush();
    }

    private ObjectNode askUntil(JsonNode question) throws Exception {
        String expected = question.path("until").asText("");
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        ObjectNode answer = ask(question);
        while (!JSON.writeValueAsString(answer).contains(expected) && System.nanoTime() < deadline) {
            Thread.sleep(20);
            answer = ask(question);
        }
        return answer;
    }

    private ObjectNode ask(JsonNode question) throws Exception {
        ApiKeys api = ApiKeys.valueOf(question.get("api").asText());
        short version = question.get("version").shortValue();
        ObjectNode answer = JSON.createObjectNode();
        try {
            ByteBuffer response = exchange(api, version, request(api, version, withIds(question.get("body"))));
            JsonNode body = json(api, version, response);
            learnIds(body);
            answer.set("response", body);
        } catch (EOFException | SocketException closed) {
            socket = null;
            answer.put("closed", true);
        }
        return answer;
    }

    private void learnIds(JsonNode response) {
        for (JsonNode topic : response.path("topics")) {
            if (topic.hasNonNull("name") && topic.hasNonNull("topicId")) {
                topicIds.put(topic.get("name").asText(), topic.get("topicId").asText());
            }
        }
    }

    private JsonNode withIds(JsonNode body) throws IOException {
        String text = JSON.writeValueAsString(body);
        for (Map.Entry<String, String> topic : topicIds.entrySet()) {
            text = text.replace("\"$id:" + topic.getKey() + "\"", "\"" + topic.getValue() + "\"");
        }
        return JSON.readTree(text);
    }

    private static ByteBuffer request(ApiKeys api, short version, JsonNode body) throws Exception {
        Class<?> converter = Class.forName(MESSAGES + api.name + "RequestDataJsonConverter");
        return bytes((Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, body, version), version);
    }

    private static JsonNode json(ApiKeys api, short version, ByteBuffer bytes) throws Exception {
        ApiMessage response = api.messageType.newResponse();
        response.read(new ByteBufferAccessor(bytes), version);
        if (bytes.hasRemaining()) {
            throw new IOException(bytes.remaining() + " bytes follow the response of " + api + " version " + version);
        }
        Class<?> converter = Class.forName(MESSAGES + api.name + "ResponseDataJsonConverter");
        return (JsonNode) converter.getMethod("write", response.getClass(), short.class).invoke(null, response, version);
    }

    private static ByteBuffer bytes(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer bytes = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(bytes), cache, version);
        bytes.flip();
        return bytes;
    }

    /** Sends a request and returns the bytes of the response's body. */
    private ByteBuffer exchange(ApiKeys api, short version, ByteBuffer body) throws IOException {
        if (socket == null) {
            socket = new Socket(host, port);
            socket.setSoTimeout(60_000);
        }
        RequestHeaderData header = new RequestHeaderData().setRequestApiKey(api.id).setRequestApiVersion(version)
            .setCorrelationId(++correlationId).setClientId("wire-json");
        ByteBuffer head = bytes(header, api.requestHeaderVersion(version));
        ByteBuffer frame = ByteBuffer.allocate(4 + head.remaining() + body.remaining());
        frame.putInt(head.remaining() + body.remaining()).put(head).put(body);
        socket.getOutputStream().write(frame.array());
        DataInputStream input = new DataInputStream(socket.getInputStream());
        ByteBuffer response = ByteBuffer.wrap(input.readNBytes(input.readInt()));
        int answered = response.getInt();
        if (answered != correlationId) {
            throw new IOException("asked " + correlationId + ", answered " + answered);
        }
        if (api.responseHeaderVersion(version) >= 1) {
            new ByteBufferAccessor(response).readUnsignedVarint();
        }
        return response;
    }
}
