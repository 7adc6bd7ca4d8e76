"""What was sent and what came: which result belongs to which request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from activation_contracts.catalogue import RESULTS
from activation_contracts.conformance.requests import ANSWERS, Request
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import PbxResult
from activation_contracts.reading import UnreadableError, read

__all__ = ["Arrival", "ReceivedResult", "SentRequest", "Transcript", "received"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that arrived as a result, and how. From a file, it has a body alone."""

    body: bytes
    content_type: str | None = CONTENT_TYPE
    content_encoding: str | None = None
    headers: Mapping[str, object] = field(default_factory=dict)
    routing_key: str | None = None
    is_persistent: bool | None = None


@dataclass(frozen=True, slots=True)
class ReceivedResult:
    """An arrival that was read, or the reason why it cannot be read."""

    arrival: Arrival
    result: PbxResult | None
    problem: str = ""

    @property
    def answers(self) -> bool:
        """Whether it ends its request: `retry_later` does not."""
        return self.result is not None and self.result.data.result in ANSWERS

    @property
    def identity(self) -> tuple[str, str, str] | None:
        """Equal for a result and its repeat."""
        if self.result is None:
            return None
        return self.result.source, self.result.id, self.result.fingerprint


def received(arrival: Arrival) -> ReceivedResult:
    """Reads an arrival with the worker's own reader."""
    try:
        result = read(
            arrival.body,
            arrival.content_type,
            RESULTS,
            content_encoding=arrival.content_encoding,
            headers=arrival.headers,
        )
    except UnreadableError as error:
        return ReceivedResult(arrival, None, str(error))
    return ReceivedResult(arrival, result)


@dataclass(slots=True)
class SentRequest:
    """A request that was sent, and the results that came for it, in order."""

    request: Request
    results: list[ReceivedResult] = field(default_factory=list)
    repeats: list[ReceivedResult] = field(default_factory=list)
    """Results that had come before, under the same id and with the same content."""
    attempts: int = 1
    """How often it was sent."""
    silences: int = 0
    """How many of these attempts had no result of their own within the time limit."""
    problem: str | None = None
    """Why it could not be sent."""

    @property
    def has_repeated_postponement(self) -> bool:
        """Whether a `retry_later` came again under its id."""
        return any(not item.answers for item in self.repeats)

    @property
    def was_asked_again(self) -> bool:
        """Whether it was sent again, after `retry_later` or silence."""
        return self.attempts > 1 or any(not item.answers for item in self.results)

    @property
    def is_answered(self) -> bool:
        """Whether a result ended it."""
        return any(item.answers for item in (*self.results, *self.repeats))


class Transcript:
    """Collects what is sent and what comes.

    Requests with the same id get the results in turn: each takes the results up to the first that
    ends it, and the last one takes what is left. So a list of results, without the times at which
    they came, can be judged as well.
    """

    def __init__(self) -> None:
        self._sent: dict[str, list[SentRequest]] = {}
        self._identities: set[tuple[str, str, str]] = set()
        self.everything: list[ReceivedResult] = []
        self.unmatched: list[ReceivedResult] = []
        """What cannot be read or belongs to no request."""

    def open(self, request: Request) -> SentRequest:
        """Notes that the request is about to be sent."""
        sent = SentRequest(request)
        self._sent.setdefault(request.id, []).append(sent)
        return sent

    def requests(self) -> Sequence[Request]:
        """All requests, in the order in which they were opened; a repeat once."""
        return [sent[0].request for sent in self._sent.values()]

    def receive(self, arrival: Arrival) -> None:
        """Assigns an arrival to its request."""
        item = received(arrival)
        self.everything.append(item)
        same = self._sent.get(item.result.data.operation_id) if item.result else None
        if same is None:
            self.unmatched.append(item)
            return
        sent = next((one for one in same if not one.is_answered), same[-1])
        identity = item.identity
        is_repeat = identity in self._identities
        if identity is not None:
            self._identities.add(identity)
        (sent.repeats if is_repeat else sent.results).append(item)
