"""A model of one number with PBX results, silence and deadlines, without code of the worker."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

ATTEMPTS = 2
AT_RISK, OVERDUE = timedelta(minutes=1), timedelta(minutes=5)
NEVER = datetime.max.replace(tzinfo=UTC)
DONE_RESULTS = ("done", "already", "not_applicable")


@dataclass
class ModelNumber:
    """The expected state of a number."""

    status: str = "RESERVED"
    in_full_use: bool = False
    """Whether it has a hunt group and a handset login."""
    operation: str = ""
    command: str = ""
    open_steps: dict[str, int] = field(default_factory=dict)
    """The attempt of each open step, by the step's id."""
    paused: set[str] = field(default_factory=set)
    """The steps that wait for their next attempt."""
    deadline: datetime = NEVER
    needs_operator: bool = False
    pbx_messages: set[tuple[str, str]] = field(default_factory=set)
    """The command and kind of each message that the PBX must have received."""

    def accepts(self, operation: str, free: int) -> bool:
        """Whether this operation may begin if so many voice services are free."""
        if operation == "activate":
            return self.status == "RESERVED" and free > 0
        return self.status == "ACTIVE"

    def begin(self, operation: str, command: str, now: datetime) -> None:
        """Begins the operation; a deactivation requests every step that the number's use needs."""
        self.status, self.operation, self.command = "PENDING", operation, command
        self.needs_operator = False
        self.paused, self.deadline = set(), now + OVERDUE
        if operation == "deactivate":
            kinds = ("reset", "membership", "logout") if self.in_full_use else ("reset",)
            self.pbx_messages |= {(command, kind) for kind in kinds}
            self.in_full_use = False

    def apply_result(self, step_id: str, result: str) -> None:
        """Applies a PBX result for this step."""
        if step_id not in self.open_steps:
            return
        if result in DONE_RESULTS:
            del self.open_steps[step_id]
        elif self.needs_operator or (result == "retry_later" and step_id in self.paused):
            return
        elif result == "retry_later" and self.open_steps[step_id] < ATTEMPTS:
            self.open_steps[step_id] += 1
            self.paused.add(step_id)
        elif self.status == "PENDING":
            self.fail(compensate=result != "refused")
        if self.status == "PENDING" and not self.open_steps:
            self.status = {"activate": "ACTIVE", "deactivate": "RESERVED"}[self.operation]
            self.needs_operator = False

    def advance_to(self, now: datetime) -> None:
        """Moves the clock: paused steps are requested again, an overdue operation fails."""
        self.paused.clear()
        if self.status == "PENDING" and now >= self.deadline:
            self.fail(compensate=True)

    def fail(self, *, compensate: bool) -> None:
        """Fails the operation: an activation falls back, a deactivation needs an operator."""
        if self.operation == "activate":
            self.status, self.open_steps = "RESERVED", {}
            self.pbx_messages |= {(self.command, "reset")} if compensate else set()
        else:
            self.needs_operator = True
