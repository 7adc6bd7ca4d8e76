"""The fake PBX in the test's process, and copies of it that each make one mistake."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast
from uuid import uuid4

import aio_pika
from activation_contracts.fake_pbx.behaviour import Reaction, parse_fault
from activation_contracts.fake_pbx.pbx import STATES, Attempt, FakePbx, StepRequest
from activation_contracts.fake_pbx.service import READY_LINE, Service
from activation_contracts.messages import PbxResult
from activation_contracts.values import StepResult
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage
from typing_extensions import override

__all__ = ["MISTAKES", "Mistake", "ServedPbx", "serving"]

PATIENCE_SECONDS = 60
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
REFUSAL = Reaction(result=StepResult.REFUSED, code="MISTAKE")


@dataclass
class ServedPbx:
    """A PBX that runs in the test's process, with a state that survives its restarts."""

    start: Callable[[], Service]
    ready: asyncio.Event
    task: asyncio.Task[None] | None = None

    async def restart(self) -> None:
        """Ends it in the middle of its work, and starts it again."""
        await self.stop()
        self.ready.clear()
        self.task = asyncio.create_task(self.start().run())
        await asyncio.wait_for(self.ready.wait(), PATIENCE_SECONDS)

    async def stop(self) -> None:
        """Ends it."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])


@asynccontextmanager
async def serving(
    url: str, *faults: str, pbx: type[FakePbx] = FakePbx, service: type[Service] = Service
) -> AsyncIterator[ServedPbx]:
    """A fake PBX of these classes at this broker; its own queue is deleted at the end."""
    ready = asyncio.Event()
    state = pbx([parse_fault(fault) for fault in faults], site_id=None, run=uuid4())

    def report(line: str) -> None:
        if line == READY_LINE:
            ready.set()

    served = ServedPbx(lambda: service(state, url, site_id=None, report=report), ready)
    try:
        await served.restart()
        yield served
    finally:
        await served.stop()
        async with await aio_pika.connect(url) as connection:
            await (await connection.channel()).queue_delete("pbx.fake")


class NamesTheNumber(FakePbx):
    """Names the phone number instead of the id of the message."""

    @override
    def carry_out(self, attempt: Attempt, now: datetime) -> PbxResult:
        result = super().carry_out(attempt, now)
        data = result.data.model_copy(update={"operation_id": attempt.request.phone_number})
        return result.model_copy(update={"data": data})


class ContradictsItself(Service):
    """Publishes a refusal after each result."""

    @override
    async def _carry_out(self, attempt: Attempt, results: AbstractExchange) -> None:
        await super()._carry_out(attempt, results)
        refused = Attempt(attempt.request, attempt.number + 100, REFUSAL)
        await super()._carry_out(refused, results)


class ActsAgain(FakePbx):
    """Acts on a repeat as on a new request, and fails, because the state is reached already."""

    @override
    def carry_out(self, attempt: Attempt, now: datetime) -> PbxResult:
        result = super().carry_out(attempt, now)
        if result.data.result is StepResult.ALREADY:
            return super().carry_out(attempt._replace(reaction=REFUSAL), now)
        return result


class AppliesOlder(FakePbx):
    """Has no memory of sequences."""

    @override
    def is_outdated(self, request: StepRequest) -> bool:
        return False


class AppliesOlderInSilence(FakePbx):
    """Carries outdated requests out, and does not report it."""

    @override
    def is_outdated(self, request: StepRequest) -> bool:
        is_outdated = super().is_outdated(request)
        if is_outdated:
            self._apply(request)
        return is_outdated


class BareResult(PbxResult):
    """A result without its envelope."""

    @override
    def encode(self) -> bytes:
        return self.data.model_dump_json().encode()


class LeavesOutTheEnvelope(FakePbx):
    """Publishes the data of a result alone."""

    @override
    def carry_out(self, attempt: Attempt, now: datetime) -> PbxResult:
        return BareResult.model_validate(super().carry_out(attempt, now).model_dump())


class RejectsUnknownFields(Service):
    """Drops a message that has a field which it does not know."""

    @override
    async def _handle(self, delivery: AbstractIncomingMessage, results: AbstractExchange) -> None:
        if b'"priority"' in delivery.body:
            await delivery.reject(requeue=False)
        else:
            await super()._handle(delivery, results)


class ForgetsRemove(FakePbx):
    """Reports a `remove` as done, and leaves the member in the group."""

    @override
    def _apply(self, request: StepRequest) -> StepResult:
        before = self._applied.get(request.resource)
        result = super()._apply(request)
        if request.state == "remove" and before is not None:
            after = self._applied[request.resource]
            self._applied[request.resource] = after._replace(state=before.state)
        return result


class KnowsOneSequence(FakePbx):
    """Keeps one sequence for a number, instead of one for each group and handset."""

    @override
    def is_outdated(self, request: StepRequest) -> bool:
        of_number = [
            applied.sequence
            for resource, applied in self._applied.items()
            if resource[0] == request.phone_number
        ]
        return request.sequence < max(of_number, default=0)


class TakesUnknownActionsForRemove(FakePbx):
    """Removes a member by each action but `add`."""

    @override
    def carry_out(self, attempt: Attempt, now: datetime) -> PbxResult:
        if attempt.request.state not in STATES:
            attempt = attempt._replace(request=attempt.request._replace(state="remove"))
        return super().carry_out(attempt, now)


class PostponesUnderOneId(FakePbx):
    """Gives each result of a request the same id."""

    @override
    def carry_out(self, attempt: Attempt, now: datetime) -> PbxResult:
        result = super().carry_out(attempt, now)
        return result.model_copy(update={"id": attempt.request.step_id, "time": NOW})


class AnswersOnce(FakePbx):
    """Takes a message whose id it has seen for one that needs no answer."""

    @override
    def is_outdated(self, request: StepRequest) -> bool:
        return self._attempts[request.step_id] > 1 or super().is_outdated(request)


class ReusesTheResultId(FakePbx):
    """Gives all results of a number the same id."""

    @override
    def carry_out(self, attempt: Attempt, now: datetime) -> PbxResult:
        return super().carry_out(attempt, now).model_copy(update={"id": "result"})


class _Acknowledged(NamedTuple):
    """A delivery that was acknowledged already."""

    body: bytes
    content_type: str | None
    redelivered: bool | None

    async def ack(self) -> None:
        pass


class AcknowledgesFirst(Service):
    """Acknowledges before the work is done."""

    @override
    async def _handle(self, delivery: AbstractIncomingMessage, results: AbstractExchange) -> None:
        await delivery.ack()
        copy = _Acknowledged(delivery.body, delivery.content_type, delivery.redelivered)
        await super()._handle(cast("AbstractIncomingMessage", copy), results)


class _CarelessExchange(NamedTuple):
    """Publishes transient messages, with another routing key."""

    exchange: AbstractExchange

    async def publish(self, message: aio_pika.Message, _: str, **options: Any) -> None:
        message.delivery_mode = aio_pika.DeliveryMode.NOT_PERSISTENT
        await self.exchange.publish(message, "results", **options)


class PublishesCarelessly(Service):
    """Publishes as no result should be published."""

    @override
    async def _carry_out(self, attempt: Attempt, results: AbstractExchange) -> None:
        careless = cast("AbstractExchange", _CarelessExchange(results))
        await super()._carry_out(attempt, careless)


class Mistake(NamedTuple):
    """A mistake of a PBX, and the case that finds it, by a finding with these words."""

    case: str
    words: str
    pbx: type[FakePbx] = FakePbx
    service: type[Service] = Service
    faults: tuple[str, ...] = ()


MISTAKES = {
    "wrong correlation": Mistake("every-result", "operation_id '+44", NamesTheNumber),
    "results that contradict": Mistake("reset", "done and refused", service=ContradictsItself),
    "acts again on a repeat": Mistake("repeat-of-an-add", "refused MISTAKE", ActsAgain),
    "applies an older sequence": Mistake("remove-late", "done", AppliesOlder),
    "no envelope": Mistake("every-result", "NOT_A_CLOUDEVENT", LeavesOutTheEnvelope),
    "unknown fields": Mistake("unknown-fields", "no result", service=RejectsUnknownFields),
    "forgets remove": Mistake("leave", "already", ForgetsRemove),
    "never answers": Mistake("reset", "no result", faults=("extension_reset=silent",)),
    "acknowledges first": Mistake(
        "restart",
        "only when asked again",
        service=AcknowledgesFirst,
        faults=("handset_logout=slow:0.5",),
    ),
    "applies older in silence": Mistake("add-late", "already", AppliesOlderInSilence),
    "one sequence for a number": Mistake("join-of-two-groups", "no result", KnowsOneSequence),
    "answers each id once": Mistake("repeat-of-a-reset", "no result", AnswersOnce),
    "forgets what it postponed": Mistake(
        "reset", "retry_later, and no other", AnswersOnce, faults=("extension_reset=retry_later*1",)
    ),
    "unknown action": Mistake("unknown-action", "done", TakesUnknownActionsForRemove),
    "postpones under one id": Mistake(
        "reset",
        "retry_later and retry_later, and no other",
        PostponesUnderOneId,
        faults=("extension_reset=retry_later*2",),
    ),
    "one id for all results": Mistake("every-result", "the id of a result", ReusesTheResultId),
    "transient, with another key": Mistake(
        "every-result", "a transient one", service=PublishesCarelessly
    ),
}
"""Mistakes by their names."""
