"""The settings: read from the environment, validated once at the start, never changed."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from activation_contracts.reading.errors import message_of
from activation_contracts.topology import EVENT_LOG_DAYS
from activation_contracts.values import Step
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from worker.core.operations.operation import Policy
from worker.runtime.amqp_url import parse_amqp_url, split_amqp_urls
from worker.runtime.database_url import parse_database_url
from worker.runtime.environment import FILE_SUFFIX, SettingsError, is_service_link, read_value
from worker.runtime.history import HISTORY_DAYS_MAXIMUM, HISTORY_DAYS_MINIMUM

__all__ = ["SHARED_NAMES", "Settings", "SettingsError", "environment_name", "load"]

PREFIX: Final = "WORKER_"
SHARED_NAMES: Final = {"AMQP_URL": "amqp_urls", "DATABASE_URL": "database_url"}
"""Names without the prefix, because other programs of the platform use them too."""

OWN_NAMES: Final = ("telephony.", "pbx.")
"""How the names of the platform's own queues begin."""

Seconds = Annotated[float, Field(ge=0.01, le=365 * 86_400)]
"""At most a year: excludes infinity, and times that a date cannot hold."""
Interval = Annotated[float, Field(ge=0.05, le=3600)]
"""Between two rounds of what a worker does again and again: it must not fill its time with it."""
Timeout = Annotated[float, Field(ge=0.5, le=3600)]
"""A server's answer takes a moment; after an hour it does not come."""


class Settings(BaseModel):
    """All settings. `repr` leaves out the URLs, which contain passwords."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    amqp_urls: Annotated[tuple[str, ...], Field(repr=False)] = (
        "amqp://guest:guest@127.0.0.1:5672/",
    )
    """The nodes of the RabbitMQ cluster, tried in turn, comma separated; their parameters below."""
    database_url: Annotated[str, Field(repr=False)] = (
        "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
    )
    """The PostgreSQL primary (`DATABASE_URL`)."""

    batch_maximum_commands: Annotated[int, Field(ge=1, le=1000)] = 200
    """Commands decided in one transaction at most; a batch never waits to be filled."""
    prefetch_messages: Annotated[int, Field(ge=1, le=2000)] = 600
    """Unacknowledged messages held at most: three batches, one of them committing."""
    interactive_prefetch_messages: Annotated[int, Field(ge=1, le=65_535)] = 24_000
    """Commands held at most from the command queue: a click is found behind a burst of so many."""
    awaited_steps: frozenset[Step] = frozenset()
    """Steps that need a PBX result to be done, comma separated; none by default."""
    step_attempts_maximum: Annotated[int, Field(ge=1, le=1000)] = 5
    """How often a step is requested at most, if the PBX answers `retry_later`."""
    step_first_pause_seconds: Seconds = 2
    """Pause after the first `retry_later`, or before a silent PBX is asked again; then doubled."""
    step_longest_pause_seconds: Seconds = 60
    """The longest such pause while an operation is under way and in time."""
    operation_at_risk_seconds: Seconds = 60
    """Time after which an operation is reported as late."""
    operation_time_allowed_seconds: Seconds = 300
    """Time after which an operation is overdue: its deadline."""
    sweep_interval_seconds: Interval = 1
    """How often the relay reads the database for operations that are due."""
    publish_timeout_seconds: Timeout = 15
    """How long to wait for a publisher confirm."""
    outbox_age_maximum_seconds: Timeout = 30
    """Age of the oldest message not yet published at which consuming pauses."""
    watchdog_seconds: Timeout = 30
    """How often an idle consumer checks whether messages wait in its queue."""
    leader_silence_maximum_seconds: Annotated[float, Field(ge=0.5, le=3600)] = 10
    """How long a worker may be frozen or disconnected before another takes over."""
    history_days: Annotated[int, Field(ge=HISTORY_DAYS_MINIMUM, le=HISTORY_DAYS_MAXIMUM)] = 90
    """How long ended commands, steps, acts and logouts stay; later repeats count as new."""
    stop_deadline_seconds: Timeout = 20
    """How long a stop may take; the next start continues what is unfinished then."""
    declare_topology: bool = True
    """Declare exchanges and queues at each connect; false if the broker forbids it."""
    event_log_days: Annotated[int, Field(ge=0, le=36_500)] = EVENT_LOG_DAYS
    """How long a new event log keeps events, at least; 0 declares none, and deletes none."""
    reply_prefixes: frozenset[str] = frozenset({"reply."})
    """How the names of queues begin to which replies may go, comma separated; see `reply_to`."""

    management_url: Annotated[str, Field(repr=False)] = ""
    """RabbitMQ's management API, from which `check` reads policies; without it none are seen."""

    http_host: str = "0.0.0.0"  # noqa: S104 -- a container is checked from outside
    """Address on which the HTTP endpoints listen; `::` is IPv6 and IPv4."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of the HTTP endpoints; 0 chooses a free one."""
    page: Annotated[Literal["local", "everyone", "off"], BeforeValidator(str.lower)] = "local"
    """Who may read the page that explains numbers: programs on this machine, everyone, no one."""
    page_host: str = "127.0.0.1"
    """Address on which the page listens, if it has a port of its own."""
    page_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port of the page; 0: that of the HTTP endpoints, on their address."""
    log_format: Annotated[Literal["auto", "json", "pretty"], BeforeValidator(str.lower)] = "auto"
    """`auto`: pretty on a terminal, JSON elsewhere."""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)
    ] = "INFO"
    """Records below this level are not logged."""
    tracing: bool = False
    """Trace commands by OpenTelemetry; `OTEL_...` variables say where traces go."""

    log_numbers: Annotated[Literal["full", "masked"], BeforeValidator(str.lower)] = "full"
    """`masked`: of each phone number in the log, only the first four and last two digits."""

    _files: dict[str, str] = PrivateAttr(default_factory=dict)
    """The paths of the files that hold URLs, by environment variable."""

    def current_amqp_urls(self) -> tuple[str, ...]:
        """`amqp_urls`, read again from its file: credentials rotate. Raises `SettingsError`."""
        return self._current("AMQP_URL").amqp_urls

    def current_database_url(self) -> str:
        """`database_url`, read again from its file: credentials rotate. Raises `SettingsError`."""
        return self._current("DATABASE_URL").database_url

    def _current(self, name: str) -> "Settings":
        path = self._files.get(name + FILE_SUFFIX)
        return load({name + FILE_SUFFIX: path}) if path else self

    @property
    def policy(self) -> Policy:
        """How long operations may take, and what they wait for."""
        return Policy(
            at_risk_after=timedelta(seconds=self.operation_at_risk_seconds),
            time_allowed=timedelta(seconds=self.operation_time_allowed_seconds),
            awaited_steps=self.awaited_steps,
            attempts_maximum=self.step_attempts_maximum,
            first_pause=timedelta(seconds=self.step_first_pause_seconds),
            longest_pause=timedelta(seconds=self.step_longest_pause_seconds),
        )

    @field_validator("awaited_steps", "reply_prefixes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("amqp_urls", mode="before")
    @classmethod
    def _split_amqp_urls(cls, value: object) -> object:
        return split_amqp_urls(value) if isinstance(value, str) else value

    @field_validator("amqp_urls")
    @classmethod
    def _validate_amqp_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            server = parse_amqp_url(url)
            if server.parameters.tls:
                server.parameters.tls.context()
        return urls

    @field_validator("reply_prefixes")
    @classmethod
    def _validate_reply_prefixes(cls, prefixes: frozenset[str]) -> frozenset[str]:
        for prefix in prefixes:
            if any(own.startswith(prefix) or prefix.startswith(own) for own in OWN_NAMES):
                message = (
                    f"{prefix!r} would let replies into queues of the telephony platform; choose"
                    " another beginning for the names of reply queues, as reply."
                )
                raise ValueError(message)
        return prefixes

    @field_validator("management_url")
    @classmethod
    def _validate_management_url(cls, url: str) -> str:
        if url and not _is_http_url(url):
            message = (
                "expected http://host:15672 or https://host:15671, without user and password: the"
                " account of AMQP_URL is used"
            )
            raise ValueError(message)
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _validate_database_url(cls, url: str) -> str:
        parse_database_url(url)
        return f"postgresql+asyncpg://{url.partition('://')[2]}"

    @field_validator("http_host", "page_host")
    @classmethod
    def _validate_http_host(cls, host: str) -> str:
        return host.removeprefix("[").removesuffix("]")

    @model_validator(mode="after")
    def _validate_together(self) -> Self:
        for smaller, larger in NOT_MORE_THAN:
            if getattr(self, smaller) > getattr(self, larger):
                raise ValueError(
                    f"{environment_name(smaller)} ({getattr(self, smaller):g}) is more than"
                    f" {environment_name(larger)} ({getattr(self, larger):g}): lower the first, or"
                    " raise the second"
                )
        return self


NOT_MORE_THAN: Final = (
    ("batch_maximum_commands", "prefetch_messages"),
    ("prefetch_messages", "interactive_prefetch_messages"),
    ("step_first_pause_seconds", "step_longest_pause_seconds"),
    ("operation_at_risk_seconds", "operation_time_allowed_seconds"),
)
"""Pairs of settings: the first must not be more than the second."""


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_server = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and has_server and "@" not in parts.netloc


def load(environment: Mapping[str, str]) -> Settings:
    """The settings from this environment. Raises `SettingsError`.

    An empty variable counts as not set.
    """
    values: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, value in environment.items():
        field = _field_of(name)
        if field is None or not value.strip() or is_service_link(name, value):
            continue
        if field in values:
            message = f"{name} is set twice, directly and as a file: keep one of them."
            raise SettingsError(message)
        values[field] = read_value(name, value)
        names[field] = name
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error, names)) from None
    settings._files.update(  # noqa: SLF001 -- its own module; no setting, so no field
        (name, environment[name])
        for name in names.values()
        if _can_be_read_again(name, environment)
    )
    return settings


def _field_of(name: str) -> str | None:
    setting = name.removesuffix(FILE_SUFFIX)
    if setting in SHARED_NAMES:
        return SHARED_NAMES[setting]
    if not setting.startswith(PREFIX):
        return None
    return setting.removeprefix(PREFIX).lower()


def _can_be_read_again(name: str, environment: Mapping[str, str]) -> bool:
    # A pipe can be read only once.
    return name.endswith(FILE_SUFFIX) and Path(environment[name].strip()).is_file()


def environment_name(field: str) -> str:
    """The environment variable that sets this field."""
    shared = {field: name for name, field in SHARED_NAMES.items()}
    return shared.get(field, PREFIX + field.upper())


def _explain(error: ValidationError, names: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        message = message_of(problem)
        # What concerns several settings has no place, and names them itself.
        field = str(problem["loc"][0]) if problem["loc"] else None
        if problem["type"] == "extra_forbidden":
            known = ", ".join(sorted(environment_name(name) for name in Settings.model_fields))
            lines.append(f"{names[field or '']} is not a setting. Settings are: {known}.")
        elif field:
            lines.append(f"{names[field]}: {message}.")
        else:
            lines.append(f"{message}.")
    return "\n".join(lines)
