"""Answers to previews are published beside everything else, as far as the broker takes them."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from tests.support.data.builders import NOW, POLICY, activate, previewed
from worker.broker.connecting.connection import BrokerUnavailable
from worker.broker.publishing.confirm_channel import (
    ConfirmChannel,
    Nacked,
    NotPublished,
    Unroutable,
)
from worker.broker.publishing.publication import Publication
from worker.consuming.answering import previews as answering_previews
from worker.consuming.answering.previews import WAITING_MAXIMUM, PreviewAnswer, PreviewAnswers
from worker.core.batch import Snapshot, decide_all
from worker.storage.saving import ReplyTo
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

if TYPE_CHECKING:
    from worker.broker.publishing.replies import ReplyPublisher


class Broker:
    """Takes events as far as it is told to, and every reply."""

    def __init__(self, problem: NotPublished | BrokerUnavailable | None = None) -> None:
        self.problem = problem
        self.answers = asyncio.Event()
        self.answers.set()
        self.events: list[Publication] = []
        self.replies: list[str] = []

    async def publish(self, publications: Sequence[Publication]) -> list[NotPublished | None]:
        """Publishes events."""
        await self.answers.wait()
        if isinstance(self.problem, BrokerUnavailable):
            raise self.problem
        self.events += publications
        return [self.problem] * len(publications)


class Replies:
    """Publishes replies to this broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def publish(self, replies: Sequence[Publication]) -> None:
        """Publishes replies."""
        self._broker.replies += [f"{it.routing_key} {it.properties.message_id}" for it in replies]


def answering(broker: Broker) -> tuple[PreviewAnswers, Metrics]:
    metrics = Metrics()
    events, replies = cast("ConfirmChannel", broker), cast("ReplyPublisher", Replies(broker))
    return PreviewAnswers(events, replies, Reporter(metrics)), metrics


def answer(command_id: str, reply_to: str | None = None) -> PreviewAnswer:
    command = previewed(activate(command_id=command_id))
    (decision,) = decide_all(Snapshot(), [command], NOW, POLICY)
    assert decision.preview is not None
    return PreviewAnswer(decision.preview, ReplyTo(reply_to, "story-1") if reply_to else None)


def lost(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("activation_worker_previews_lost_total")


async def test_equal_answers_are_one_event_and_a_reply_for_each_requester() -> None:
    broker = Broker()
    answers, metrics = answering(broker)
    sent = [answer("a", "reply.1"), answer("a", "reply.2"), answer("b")]

    answers.send(sent)
    await answers.close()

    ids = [it.message.id for it in sent]
    assert [(it.exchange, it.routing_key) for it in broker.events] == [
        ("telephony.events", "phone_number.previewed")
    ] * 2
    assert [it.properties.message_id for it in broker.events] == [ids[0], ids[2]]
    assert broker.replies == [f"reply.1 {ids[0]}", f"reply.2 {ids[0]}"]
    assert lost(metrics) == 0


async def test_a_requester_is_answered_although_no_event_can_be_published() -> None:
    for problem, count in (
        (Nacked("full"), 1),
        (BrokerUnavailable("gone"), 1),
        (Unroutable("no subscriber"), 0),
    ):
        broker = Broker(problem)
        answers, metrics = answering(broker)

        answers.send([answer("a", "reply.1")])
        await answers.close()

        assert len(broker.replies) == 1, problem
        assert lost(metrics) == count, problem


async def test_answers_that_a_stuck_broker_leaves_no_room_for_are_lost() -> None:
    broker = Broker()
    broker.answers.clear()
    answers, metrics = answering(broker)
    some = answer("a", "reply.1")

    answers.send([some])
    await asyncio.sleep(0)  # the first is being published now, and waits no longer
    answers.send([some] * WAITING_MAXIMUM)
    answers.send([some] * 3)
    assert lost(metrics) == 3

    broker.answers.set()
    await answers.close()
    assert len(broker.replies) == WAITING_MAXIMUM + 1


async def test_answers_given_up_at_the_end_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering_previews, "FLUSH_SECONDS", 0.01)
    broker = Broker()
    broker.answers.clear()
    answers, metrics = answering(broker)

    answers.send([answer("a", "reply.1"), answer("b")])
    await asyncio.sleep(0)  # these two are being published now
    answers.send([answer("c")])
    await answers.close()

    assert (broker.events, broker.replies) == ([], [])
    assert lost(metrics) == 3


class BrokenOnce(Broker):
    """Its first call meets a defect."""

    is_broken = True

    @override
    async def publish(self, publications: Sequence[Publication]) -> list[NotPublished | None]:
        if self.is_broken:
            self.is_broken = False
            raise ZeroDivisionError
        return await super().publish(publications)


async def test_an_unexpected_error_is_logged_and_the_next_answers_are_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering_previews, "BATCH_MAXIMUM", 1)
    broker = BrokenOnce()
    answers, metrics = answering(broker)

    with capture_logs() as logs:
        answers.send([answer("a", "reply.1"), answer("b", "reply.1")])
        await answers.close()

    assert [entry["event"] for entry in logs] == ["unexpected_error", "previews_lost"]
    assert lost(metrics) == 1
    assert len(broker.events) == len(broker.replies) == 1
