"""What should become of a number, in a few lines that share nothing with the worker's."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

ATTEMPTS = 2
AT_RISK, OVERDUE = timedelta(minutes=1), timedelta(minutes=5)
NEVER = datetime.max.replace(tzinfo=UTC)
DONE_WORDS = ("done", "already", "not_applicable")


@dataclass
class Modelled:
    """What a number should be: its status, and the attempts of each step that is open."""

    status: str = "RESERVED"
    furnished: bool = False
    operation: str = ""
    command: str = ""
    open: dict[str, int] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    deadline: datetime = NEVER
    stuck: bool = False
    asked: set[tuple[str, str]] = field(default_factory=set)

    def takes(self, operation: str, free: int) -> bool:
        """Whether this operation may begin, with so many voice services free."""
        if operation == "activate":
            return self.status == "RESERVED" and free > 0
        return self.status == "ACTIVE"

    def begin(self, operation: str, command: str, now: datetime) -> None:
        """The operation is under way; a deactivation asks the PBX for all that there is."""
        self.status, self.operation, self.command, self.stuck = "PENDING", operation, command, False
        self.paused, self.deadline = set(), now + OVERDUE
        if operation == "deactivate":
            kinds = ("reset", "membership", "logout") if self.furnished else ("reset",)
            self.asked |= {(command, kind) for kind in kinds}
            self.furnished = False

    def answer(self, operation_id: str, word: str) -> None:
        """A step was answered."""
        if operation_id not in self.open:
            return
        if word in DONE_WORDS:
            del self.open[operation_id]
        elif self.stuck or (word == "retry_later" and operation_id in self.paused):
            return
        elif word == "retry_later" and self.open[operation_id] < ATTEMPTS:
            self.open[operation_id] += 1
            self.paused.add(operation_id)
        elif self.status == "PENDING":
            self.fail(undone=word != "refused")
        if self.status == "PENDING" and not self.open:
            self.status = {"activate": "ACTIVE", "deactivate": "RESERVED"}[self.operation]
            self.stuck = False

    def passes(self, now: datetime) -> None:
        """It is later: what was to be asked again has been, and who is late has failed."""
        self.paused.clear()
        if self.status == "PENDING" and now >= self.deadline:
            self.fail(undone=True)

    def fail(self, *, undone: bool) -> None:
        """The operation cannot go on: an activation falls back, a deactivation is stuck."""
        if self.operation == "activate":
            self.status, self.open = "RESERVED", {}
            self.asked |= {(self.command, "reset")} if undone else set()
        else:
            self.stuck = True
