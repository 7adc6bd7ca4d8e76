"""Settings come from the environment, are checked once at the start, and never change."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from contracts.values import Step
from worker.core.operation import Policy

__all__ = ["Settings", "SettingsError", "environment_name", "load"]

PREFIX: Final = "WORKER_"
FILE_SUFFIX: Final = "_FILE"
SHARED_NAMES: Final = ("AMQP_URL", "DATABASE_URL")
"""Names without the prefix, because other programs of a platform use them too."""


Seconds = Annotated[float, Field(gt=0, le=365 * 86_400)]
"""At most a year: what is not finite, or too far away for a calendar, is no span of time."""


class SettingsError(Exception):
    """A setting is missing, unknown or wrong; the text says which and what to do."""


class Settings(BaseModel):
    """Everything that can be set. A secret is never shown by `repr`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    amqp_urls: Annotated[tuple[str, ...], Field(repr=False)] = (
        "amqp://guest:guest@127.0.0.1:5672/",
    )
    """The nodes of the RabbitMQ cluster, tried in turn (`AMQP_URL`, comma separated)."""
    database_url: Annotated[str, Field(repr=False)] = (
        "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
    )
    """The PostgreSQL primary (`DATABASE_URL`)."""

    batch_maximum_commands: Annotated[int, Field(ge=1, le=1000)] = 200
    """How many waiting commands are decided in one transaction; nobody waits to fill it."""
    prefetch_messages: Annotated[int, Field(ge=1, le=2000)] = 600
    """Unacknowledged messages held; three batches, so that the next is here while one commits."""
    awaited_steps: frozenset[Step] = frozenset()
    """The steps that are done only when a PBX says so, comma separated; none by default."""
    step_attempts_maximum: Annotated[int, Field(ge=1)] = 5
    """How often a step is asked for, when the PBX answers `retry_later`."""
    step_first_pause_seconds: Seconds = 2
    """How long the PBX is left alone after its first `retry_later`; twice as long each time."""
    step_longest_pause_seconds: Seconds = 60
    """The longest such pause."""
    operation_at_risk_seconds: Seconds = 60
    """How long an operation may take before it is said to be late."""
    operation_time_allowed_seconds: Seconds = 300
    """How long an operation may take before it counts as overdue."""
    sweep_interval_seconds: Seconds = 1
    """How often the database is asked for work that nobody announced."""
    publish_timeout_seconds: Seconds = 15
    """How long a publisher confirm is waited for."""
    outbox_age_maximum_seconds: Seconds = 30
    """How old the oldest message that was never tried may be before intake pauses."""
    watchdog_seconds: Seconds = 30
    """How often a consumer that gets nothing asks whether messages wait in its queue."""
    leader_silence_maximum_seconds: Annotated[float, Field(ge=0.5, le=3600)] = 10
    """How long a leader may be frozen or cut off before another worker takes over."""
    history_days: Annotated[int, Field(ge=30, le=36_500)] = 90
    """How long ended commands, PBX steps and decisions are kept; repeats of older ones are new."""
    stop_deadline_seconds: Seconds = 20
    """How long a stop may take; what is not done by then is done after the next start."""
    declare_topology: bool = True
    """Declare exchanges and queues at each connect; false where the broker forbids it."""

    http_host: str = "0.0.0.0"  # noqa: S104 -- health checks of a container come from outside it
    """The address that health and metrics are served on."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Its port; 0 takes any free one."""
    log_format: Literal["auto", "json", "pretty"] = "auto"
    """`auto`: pretty on a terminal, JSON elsewhere."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """What is less than this is not logged."""

    @property
    def policy(self) -> Policy:
        """What operations wait for, and how long."""
        return Policy(
            at_risk_after=timedelta(seconds=self.operation_at_risk_seconds),
            time_allowed=timedelta(seconds=self.operation_time_allowed_seconds),
            awaited_steps=self.awaited_steps,
            attempts_maximum=self.step_attempts_maximum,
            first_pause=timedelta(seconds=self.step_first_pause_seconds),
            longest_pause=timedelta(seconds=self.step_longest_pause_seconds),
        )

    @field_validator("amqp_urls", "awaited_steps", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("amqp_urls")
    @classmethod
    def _are_amqp(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not urls or not all(_names_a_server(url, {"amqp", "amqps"}) for url in urls):
            message = "expected amqp://user:password@host:port/virtual-host, several by commas"
            raise ValueError(message)
        return urls

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, url: str) -> str:
        if not _names_a_server(url, {"postgresql", "postgres", "postgresql+asyncpg"}):
            message = "expected postgresql://user:password@host:port/database"
            raise ValueError(message)
        return f"postgresql+asyncpg://{url.partition('://')[2]}"


def _names_a_server(url: str, schemes: AbstractSet[str]) -> bool:
    # Looked at here, because the drivers answer a port like `56x2` with a traceback of their own.
    try:
        parts = urlsplit(url)
        # A database may be named by its socket's folder, in the query: then there is no host.
        asked = parse_qs(parts.query)
        ports = (parts.port, *map(int, asked.get("port", ())))
    except ValueError:
        return False
    named = bool(parts.hostname) or "host" in asked
    return parts.scheme in schemes and named and 0 not in ports


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of this environment. Raises `SettingsError` on the first thing that is wrong."""
    values: dict[str, str] = {}
    for name, value in environment.items():
        field = _field_of(name)
        if field is None:
            continue
        if field in values:
            message = f"{name} is given twice, directly and as a file: keep one of them."
            raise SettingsError(message)
        values[field] = _secret_from_file(name, value) if name.endswith(FILE_SUFFIX) else value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _field_of(name: str) -> str | None:
    setting = name.removesuffix(FILE_SUFFIX)
    if setting in SHARED_NAMES:
        return {"AMQP_URL": "amqp_urls", "DATABASE_URL": "database_url"}[setting]
    if not setting.startswith(PREFIX):
        return None
    return setting.removeprefix(PREFIX).lower()


def _secret_from_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name} names the file {path}, which cannot be read: {error}"
        raise SettingsError(message) from None


def environment_name(field: str) -> str:
    """The variable that sets this field."""
    return {"amqp_urls": "AMQP_URL", "database_url": "DATABASE_URL"}.get(
        field, PREFIX + field.upper()
    )


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        field = str(problem["loc"][0])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(sorted(environment_name(name) for name in Settings.model_fields))
            lines.append(f"{environment_name(field)} is not a setting. Settings are: {known}.")
        else:
            words = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{environment_name(field)}: {words}.")
    return "\n".join(lines)
