// A reader as the web tier would write it: it must compile with the generated types.
import type { Activate, Message, StatusChanged } from "./messages";

export function activation(id: string, phoneNumber: string): Activate {
  return {
    specversion: "1.0",
    id,
    source: "/web-tier",
    type: "telephony.phone_number.activate.v1",
    data: { phone_number: phoneNumber, account_id: "acme", site_id: "london-1" },
  };
}

export function shown(message: Message): string {
  switch (message.type) {
    case "telephony.phone_number.status_changed.v1":
      return status(message);
    case "telephony.phone_number.command_rejected.v1":
      return `${message.data.code}: ${message.data.message}`;
    default:
      return message.type;
  }
}

function status(event: StatusChanged): string {
  switch (event.data.status) {
    case "PENDING":
      return `waits until ${event.data.deadline ?? "further notice"}`;
    case "ACTIVE":
      return `in use: ${event.data.entitlement?.active ?? 0}`;
    default:
      // A status that a later version adds comes here.
      return event.data.status;
  }
}

// @ts-expect-error A command needs the site.
export const incomplete: Activate["data"] = { phone_number: "+442079460201", account_id: "acme" };
