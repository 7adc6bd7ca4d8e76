"""The messages between the telephony platform and the activation worker.

Each message, exchange, queue and refusal is declared here once. Schemas, the AsyncAPI document,
the broker's topology and the tables in the documentation are generated from these declarations.
The package depends on pydantic only, so that every team can install it. It brings no AMQP library:
it builds what one publishes, and reads what one delivers.

A web tier sends a command:

>>> from activation_contracts import activate, amqp_message
>>> command = activate(
...     "+442079460201", account_id="acme", site_id="london-1", source="/web-tier"
... )
>>> message = amqp_message(command, reply_to="amq.rabbitmq.reply-to")
>>> message.exchange, message.routing_key
('telephony.commands', 'phone_number.activate')
>>> message.properties["message_id"] == command.id
True

`pika.BasicProperties(**message.properties)` and `aio_pika.Message(message.body,
**message.properties)` take the properties as they are. Store `command.id`, and give it as `id` when
you repeat the command. A command that the worker could not read is not built:

>>> from pydantic import ValidationError
>>> try:
...     activate("0207946", account_id="acme", site_id="london-1", source="/web-tier")
... except ValidationError as error:
...     print([problem["loc"] for problem in error.errors()])
[('phone_number',)]

`deactivate` takes the same. A report asks for the state of numbers, and needs a queue for its
answer:

>>> from activation_contracts import deactivate, report
>>> command = deactivate(
...     "+442079460201", account_id="acme", site_id="london-1", source="/web-tier"
... )
>>> amqp_message(command).routing_key
'phone_number.deactivate'
>>> wanted = report(account_id="acme", source="/web-tier")
>>> amqp_message(wanted, reply_to="amq.rabbitmq.reply-to").routing_key
'phone_number.report'

It reads an event. `body` and `content_type` are what an AMQP library delivers:

>>> from activation_contracts import EVENTS, UnreadableError, read
>>> from activation_contracts.examples import EXAMPLES
>>> from activation_contracts.messages import StatusChanged
>>> body = EXAMPLES["telephony.phone_number.status_changed.v1.active"].encode()
>>> content_type = "application/cloudevents+json"
>>> event = read(body, content_type, EVENTS)
>>> if isinstance(event, StatusChanged):
...     print(event.data.phone_number, event.data.status)
+442079460201 ACTIVE

Acknowledge and ignore a type that is not known yet:

>>> try:
...     read(body.replace(b"status_changed", b"admired"), content_type, EVENTS)
... except UnreadableError as error:
...     print(error.code)
TYPE_UNKNOWN

What comes to `reply_to` is read by `REPLIES`. It may say why the worker could not read a message:

>>> from activation_contracts import REPLIES
>>> body = EXAMPLES["telephony.message.unreadable.v1"].encode()
>>> print(read(body, content_type, REPLIES).data.code)
INVALID

A PBX reads `PBX_MESSAGES`, and reports a result:

>>> from activation_contracts import pbx_result
>>> from activation_contracts.values import StepResult
>>> request_id = "8f6fc0f5-8cd3-528e-89a5-0aaaf03fbe24"
>>> done = pbx_result(request_id, StepResult.DONE, source="/pbx/london-1")
>>> amqp_message(done).exchange
'telephony.pbx.results'

A system that owns records states one, or that it is gone:

>>> from activation_contracts import deleted_record, record
>>> from activation_contracts.records import HuntGroupMemberKey, HuntGroupMemberRecord
>>> member = HuntGroupMemberRecord(hunt_group_id="front-desk", phone_number="+442079460201")
>>> amqp_message(record(member, version=1, source="/platform")).routing_key
'hunt_group_member'
>>> deleted_record(member, version=2, source="/platform").data.deleted
True
"""

from activation_contracts.amqp import AmqpMessage, amqp_message
from activation_contracts.building import (
    activate,
    deactivate,
    deleted_record,
    pbx_result,
    record,
    report,
)
from activation_contracts.catalogue import EVENTS, PBX_MESSAGES, REPLIES
from activation_contracts.reading import ReadErrorCode, UnreadableError, read

__all__ = [
    "EVENTS",
    "PBX_MESSAGES",
    "REPLIES",
    "AmqpMessage",
    "ReadErrorCode",
    "UnreadableError",
    "activate",
    "amqp_message",
    "deactivate",
    "deleted_record",
    "pbx_result",
    "read",
    "record",
    "report",
]
