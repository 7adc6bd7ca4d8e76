"""Carries the cases out: sends their requests, waits for results, and asks again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol

from activation_contracts.conformance.judging import Verdict, judge, judge_results
from activation_contracts.conformance.planning import PlannedCase
from activation_contracts.conformance.requests import Request
from activation_contracts.conformance.transcript import Arrival, SentRequest, Transcript

__all__ = ["Limits", "RequestSender", "Run"]

SILENCES_MAXIMUM: Final = 2
"""A PBX that is silent is asked again once, which tells a late answer from none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the kit waits, and how often it asks."""

    result_seconds: float = 10.0
    """How long the PBX may take for a result."""
    attempts: int = 5
    """How often a request is sent at most, while the PBX answers `retry_later`."""
    pause_seconds: float = 1.0
    """The pause after a `retry_later`."""
    settle_seconds: float = 2.0
    """How long the kit waits at the end for results that must not come."""


class RequestSender(Protocol):
    """Sends requests to the PBX."""

    async def send(self, request: Request) -> str | None:
        """Returns when the broker has the request; the text says why it does not take it."""


class Run:
    """One run of the cases. `receive` gets each arrival, while `verdicts` carries the cases out.

    Cases about the same number run one after the other, others side by side. The cases that restart
    the PBX come last.
    """

    def __init__(
        self, sender: RequestSender, limits: Limits, restart: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._sender = sender
        self._limits = limits
        self._restart = restart
        self._transcript = Transcript()
        self._changed = asyncio.Condition()

    async def receive(self, arrival: Arrival) -> None:
        """Notes a message that arrived as a result."""
        async with self._changed:
            self._transcript.receive(arrival)
            self._changed.notify_all()

    async def verdicts(self, planned: Sequence[PlannedCase]) -> list[Verdict]:
        """Carries the cases out, and judges them and all results."""
        quiet = [item for item in planned if not item.case.restarts_the_pbx]
        groups = groupby(sorted(quiet, key=_number_of), key=_number_of)
        sent: dict[str, list[SentRequest]] = {}
        tasks = [asyncio.create_task(self._carry_out(list(group), sent)) for _, group in groups]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        await self._carry_out([item for item in planned if item.case.restarts_the_pbx], sent)
        await asyncio.sleep(self._limits.settle_seconds)
        return [
            *(judge(item.case, item.requests, sent[item.case.name]) for item in planned),
            judge_results(self._transcript),
        ]

    async def _carry_out(
        self, planned: Iterable[PlannedCase], sent: dict[str, list[SentRequest]]
    ) -> None:
        for item in planned:
            sent[item.case.name] = await self._carry_out_one(item)

    async def _carry_out_one(self, planned: PlannedCase) -> list[SentRequest]:
        """Sends the requests, up to the first that gets no answer."""
        sent: list[SentRequest] = []
        waiting: list[asyncio.Task[None]] = []
        try:
            for request in planned.requests:
                if not request.is_at_once and not await self._are_answered(sent, waiting):
                    return sent
                item = self._transcript.open(request)
                sent.append(item)
                item.problem = await self._sender.send(request)
                if not planned.case.restarts_the_pbx:
                    waiting += self._wait_for([item])
            if planned.case.restarts_the_pbx and self._restart is not None:
                await self._restart()
                # Only now: the time limit is for a PBX that runs.
                waiting += self._wait_for(sent)
            await self._are_answered(sent, waiting)
        finally:
            for task in waiting:
                task.cancel()
        return sent

    def _wait_for(self, sent: Iterable[SentRequest]) -> list[asyncio.Task[None]]:
        """Starts to wait for the results of these requests, where one is needed."""
        return [
            asyncio.create_task(self._until_answered(item))
            for item in sent
            if item.request.expectation.needs_answer and item.problem is None
        ]

    async def _are_answered(
        self, sent: list[SentRequest], waiting: list[asyncio.Task[None]]
    ) -> bool:
        await asyncio.gather(*waiting)
        return all(item.is_answered or not item.request.expectation.needs_answer for item in sent)

    async def _until_answered(self, item: SentRequest) -> None:
        """Waits for the result of a request that was sent; sends it again as the worker does."""
        known = 0
        while not await self._answer(item, known):
            if item.attempts == self._limits.attempts or item.silences == SILENCES_MAXIMUM:
                return
            known = len(item.results)
            item.attempts += 1
            await self._sender.send(item.request)

    async def _answer(self, item: SentRequest, known: int) -> bool:
        """Whether an answer comes in time; waits for the pause if it is `retry_later`."""
        try:
            async with asyncio.timeout(self._limits.result_seconds), self._changed:
                await self._changed.wait_for(lambda: item.is_answered or len(item.results) > known)
        except TimeoutError:
            item.silences += 1
            return False
        if not item.is_answered:
            await asyncio.sleep(self._limits.pause_seconds)
        return item.is_answered


def _number_of(planned: PlannedCase) -> str:
    return planned.phone_number
