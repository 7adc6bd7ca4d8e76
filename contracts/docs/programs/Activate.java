// Activates a number and prints what becomes of it: java -cp ... Activate.java NUMBER ACCOUNT SITE
import com.fasterxml.jackson.databind.*;
import com.rabbitmq.client.*;
import java.io.IOException;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;

public class Activate {
    static final Duration PATIENCE = Duration.ofMinutes(5); // how long the person waits
    // The fields that this program uses; the schemas in exported/schemas have all.
    record Event(String specversion, String id, String source, String type, JsonNode data) {}
    record StatusChanged(String status, long sequence) {}
    record Rejected(String code, String message) {}
    record Unreadable(String code, String detail) {}
    record Delayed(String message) {}
    record Failed(String code, String detail, boolean needs_a_person) {}

    static final Map<String, Class<? extends Record>> TYPES = Map.of(
        "telephony.message.unreadable.v1", Unreadable.class,
        "telephony.phone_number.status_changed.v1", StatusChanged.class,
        "telephony.phone_number.command_rejected.v1", Rejected.class,
        "telephony.phone_number.operation_delayed.v1", Delayed.class,
        "telephony.phone_number.operation_failed.v1", Failed.class);

    // New fields may appear at any time. A field that the contract promises must be there.
    static final ObjectMapper JSON = new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES, DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES);

    public static void main(String[] words) throws Exception {
        var id = UUID.randomUUID().toString();
        var expiry = Instant.now().plus(PATIENCE);
        var command = Map.of(
            "specversion", "1.0", "id", id, "source", "/web-tier",
            "type", "telephony.phone_number.activate.v1", "expirytime", expiry.toString(),
            "data", Map.of("phone_number", words[0], "account_id", words[1], "site_id", words[2]));

        var factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        try (var connection = factory.newConnection(); var channel = connection.createChannel()) {
            // First listen, then speak. A real web tier has one durable queue with a name, for all.
            var queue = channel.queueDeclare().getQueue();
            channel.queueBind(queue, "telephony.events", "phone_number.#");
            channel.basicQos(20);
            var deliveries = new LinkedBlockingQueue<Delivery>();
            channel.basicConsume(queue, false, (tag, delivery) -> deliveries.add(delivery), tag -> end("The queue was deleted."));
            var properties = new AMQP.BasicProperties.Builder().contentType("application/cloudevents+json")
                .deliveryMode(2).messageId(id).type("telephony.phone_number.activate.v1").replyTo(queue).build();
            channel.confirmSelect();
            channel.addReturnListener(unrouted -> end("The command reached no queue."));
            channel.basicPublish(
                "telephony.commands", "phone_number.activate", true, properties, JSON.writeValueAsBytes(command));
            channel.waitForConfirmsOrDie(10_000);
            var outcome = new Outcome(id);
            while (true) {
                var delivery = deliveries.poll(Duration.between(Instant.now(), expiry).toMillis(), TimeUnit.MILLISECONDS);
                if (delivery == null) throw new IllegalStateException("no outcome until the command expired");
                var hasEnded = outcome.endsWith(delivery.getBody());
                channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
                if (hasEnded) return;
            }
        }
    }

    static void end(String problem) { System.err.println(problem); System.exit(1); }

    /** What becomes of a command. A real web tier stores the sequence with the number, and the ids. */
    static class Outcome {
        final String id;
        final Set<String> seen = new HashSet<>();
        long sequence;
        Outcome(String id) { this.id = id; }
        /** Prints the event; returns whether it ends the command. */
        boolean endsWith(byte[] body) {
            try {
                var event = JSON.readValue(body, Event.class);
                var type = TYPES.get(event.type()); // null: another type, perhaps of a later version
                var of = event.data().path(type == Unreadable.class ? "id" : "command_id").asText();
                // The first answer comes twice, as an event and as a reply.
                if (type == null || !of.equals(id) || !seen.add(event.id())) return false;
                var data = JSON.treeToValue(event.data(), type);
                if (data instanceof StatusChanged changed) {
                    if (changed.sequence() <= sequence) return false; // older than what is known
                    sequence = changed.sequence();
                    System.out.println(changed.status() + " sequence " + sequence);
                    return changed.status().equals("ACTIVE"); // RESERVED follows from FAILED
                }
                if (data instanceof Rejected it) System.out.println("REFUSED " + it.code() + " " + it.message());
                if (data instanceof Delayed it) System.out.println("DELAYED " + it.message());
                if (data instanceof Failed it) System.out.println("FAILED " + it.code() + " " + it.detail());
                if (data instanceof Unreadable it) System.out.println("UNREADABLE " + it.code() + " " + it.detail());
                return data instanceof Rejected || data instanceof Unreadable || data instanceof Failed it && !it.needs_a_person();
            } catch (IOException error) { // not JSON, or a field is missing
                System.out.println("INVALID " + error.getMessage().lines().findFirst().get());
                return false;
            }
        }
    }
}
