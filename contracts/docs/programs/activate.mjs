// Activates a number and prints what becomes of it: node activate.mjs NUMBER ACCOUNT SITE
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import amqp from "amqplib";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { CloudEvent } from "cloudevents";

const [phone_number, account_id, site_id] = process.argv.slice(2);
const { AMQP_URL, SCHEMAS } = process.env; // SCHEMAS: the folder exported/schemas of the contracts

const ajv = addFormats(new Ajv());
const validators = new Map(readdirSync(SCHEMAS).map((file) => [
  file.replace(/\.json$/, ""), ajv.compile(JSON.parse(readFileSync(`${SCHEMAS}/${file}`))),
]));

/** The event in this body, or null for a type without a schema; throws if it is not valid. */
function read(body) {
  const content = JSON.parse(body.toString());
  const validate = validators.get(content.type);
  if (!validate) return null; // published by a later version: ignore it
  if (!validate(content)) throw new Error(ajv.errorsText(validate.errors));
  return new CloudEvent(content);
}

const PATIENCE_MS = 300_000; // how long the person waits
const expiry = new Date(Date.now() + PATIENCE_MS);
const command = new CloudEvent({
  id: randomUUID(), source: "/web-tier", type: "telephony.phone_number.activate.v1",
  expirytime: expiry.toISOString(),
  data: { phone_number, account_id, site_id },
});
const body = Buffer.from(JSON.stringify(command));
read(body); // a command that the worker could not read is not sent

const connection = await amqp.connect(AMQP_URL);
const channel = await connection.createConfirmChannel();

// First listen, then speak. A real web tier has one durable queue with a name, for all.
const { queue } = await channel.assertQueue("", { exclusive: true });
await channel.bindQueue(queue, "telephony.events", "phone_number.#");
await channel.prefetch(20);
// A real web tier stores both, and acknowledges an event when it has stored its effect.
const seen = new Set();
let sequence = 0;

/** Prints the event; returns whether it ends the command. The first answer comes as a reply, too. */
function handle(event) {
  const unreadable = event?.type === "telephony.message.unreadable.v1";
  const of = unreadable ? event.data.id : event?.data.command_id;
  if (of !== command.id || seen.has(event.id)) return false;
  const { id, type, data } = event;
  seen.add(id);
  switch (type) {
    case "telephony.phone_number.command_rejected.v1":
      console.log("REFUSED", data.code, data.message);
      return true;
    case "telephony.message.unreadable.v1":
      console.log("UNREADABLE", data.code, data.detail);
      return true;
    case "telephony.phone_number.operation_delayed.v1":
      console.log("DELAYED", data.message);
      return false;
    case "telephony.phone_number.operation_failed.v1":
      console.log("FAILED", data.code, data.detail);
      return !data.needs_a_person;
    case "telephony.phone_number.status_changed.v1":
      if (data.sequence <= sequence) return false; // older than the status that is known
      sequence = data.sequence;
      console.log(data.status, "sequence", sequence);
      return data.status === "ACTIVE"; // RESERVED follows from FAILED, which ends the command
    default:
      return false;
  }
}

const ended = new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("no outcome until the command expired")), expiry - Date.now()).unref();
  connection.on("error", reject);
  connection.on("close", () => reject(new Error("the connection was closed")));
  channel.on("return", () => reject(new Error("the command reached no queue")));
  channel.consume(queue, (delivery) => {
    if (delivery === null) return reject(new Error("the queue was deleted"));
    try {
      if (handle(read(delivery.content))) resolve();
    } catch (error) {
      console.log("INVALID", error.message);
    }
    channel.ack(delivery);
  });
});

channel.publish("telephony.commands", "phone_number.activate", body, {
  persistent: true, mandatory: true, contentType: "application/cloudevents+json",
  messageId: command.id, replyTo: queue, type: command.type,
});
await Promise.all([channel.waitForConfirms(), ended]);
await connection.close();
