"""Account, site and number of a command, read before the command is."""

from typing import NamedTuple

from activation_contracts.reading import UnreadableError, event_in

from worker.broker.delivery import Delivery

__all__ = ["CommandKeys", "read_keys"]


class CommandKeys(NamedTuple):
    """What decides where and when a command is handled, as its payload says: not the envelope."""

    account_id: str
    site_id: str
    phone_number: str

    @property
    def partition_key(self) -> str:
        """Numbers with the same key are in the same partition."""
        return f"{self.account_id}/{self.site_id}"


def read_keys(delivery: Delivery) -> CommandKeys | None:
    """The keys of the command; None if the message cannot be read: then its order does not matter.

    It validates nothing.
    """
    properties = delivery.properties
    try:
        data = event_in(
            delivery.body,
            properties.content_type,
            properties.content_encoding,
            delivery.headers,
        )["data"]
    except (UnreadableError, LookupError):
        return None
    if not isinstance(data, dict):
        return None
    values = [value for name in CommandKeys._fields if isinstance(value := data.get(name), str)]
    return CommandKeys(*values) if len(values) == len(CommandKeys._fields) else None
