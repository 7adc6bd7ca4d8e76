"""The settings: read from the environment, validated once at the start, never changed."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)

from contracts.values import Step
from worker.core.operation import Policy

__all__ = ["Settings", "SettingsError", "environment_name", "load"]

PREFIX: Final = "WORKER_"
FILE_SUFFIX: Final = "_FILE"
SHARED_NAMES: Final = ("AMQP_URL", "DATABASE_URL")
"""Names without the prefix, because other programs of the platform use them too."""

URL_FILES: Final = tuple(f"{name}{FILE_SUFFIX}" for name in SHARED_NAMES)

OWN_NAMES: Final = ("telephony.", "pbx.")
"""How the names of the platform's own queues begin."""

Seconds = Annotated[float, Field(gt=0, le=365 * 86_400)]
"""At most a year: excludes infinity, and times that a date cannot hold."""


class SettingsError(Exception):
    """A setting is unknown or wrong; the text says which and what to do."""


class Settings(BaseModel):
    """All settings. `repr` leaves out the URLs, which contain passwords."""

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
    """Commands decided in one transaction at most; a batch never waits to be filled."""
    prefetch_messages: Annotated[int, Field(ge=1, le=2000)] = 600
    """Unacknowledged messages held at most: three batches, one of them committing."""
    awaited_steps: frozenset[Step] = frozenset()
    """Steps that need a PBX result to be done, comma separated; none by default."""
    step_attempts_maximum: Annotated[int, Field(ge=1)] = 5
    """How often a step is requested at most, if the PBX answers `retry_later`."""
    step_first_pause_seconds: Seconds = 2
    """Pause after the first `retry_later` of a PBX; each further pause is twice as long."""
    step_longest_pause_seconds: Seconds = 60
    """The longest pause after a `retry_later`."""
    operation_at_risk_seconds: Seconds = 60
    """Time after which an operation is reported as late."""
    operation_time_allowed_seconds: Seconds = 300
    """Time after which an operation is overdue: its deadline."""
    sweep_interval_seconds: Seconds = 1
    """How often the relay reads the database for operations that are due."""
    publish_timeout_seconds: Seconds = 15
    """How long to wait for a publisher confirm."""
    outbox_age_maximum_seconds: Seconds = 30
    """Age of the oldest message not yet published at which consuming pauses."""
    watchdog_seconds: Seconds = 30
    """How often an idle consumer checks whether messages wait in its queue."""
    leader_silence_maximum_seconds: Annotated[float, Field(ge=0.5, le=3600)] = 10
    """How long a worker may be frozen or disconnected before another takes over."""
    history_days: Annotated[int, Field(ge=30, le=36_500)] = 90
    """How long ended commands, PBX steps and resolutions are kept; later repeats count as new."""
    stop_deadline_seconds: Seconds = 20
    """How long a stop may take; the next start continues what is unfinished then."""
    declare_topology: bool = True
    """Declare exchanges and queues at each connect; false if the broker forbids it."""
    reply_prefixes: frozenset[str] = frozenset({"reply."})
    """How the names of queues begin to which replies may go, comma separated; see `reply_to`."""

    http_host: str = "0.0.0.0"  # noqa: S104 -- a container is checked from outside
    """Address on which the HTTP endpoints listen."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of the HTTP endpoints; 0 chooses a free one."""
    log_format: Literal["auto", "json", "pretty"] = "auto"
    """`auto`: pretty on a terminal, JSON elsewhere."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Records below this level are not logged."""

    _files: dict[str, str] = PrivateAttr(default_factory=dict)
    """The paths of the files that hold URLs, by environment variable."""

    def current_amqp_urls(self) -> tuple[str, ...]:
        """`amqp_urls`, read again from its file: credentials rotate. Raises `SettingsError`."""
        return self._current().amqp_urls

    def current_database_url(self) -> str:
        """`database_url`, read again from its file: credentials rotate. Raises `SettingsError`."""
        return self._current().database_url

    def _current(self) -> "Settings":
        if not self._files:
            return self
        of_files = load(self._files)
        return self.model_copy(
            update={name: getattr(of_files, name) for name in of_files.model_fields_set}
        )

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

    @field_validator("amqp_urls", "awaited_steps", "reply_prefixes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("amqp_urls")
    @classmethod
    def _validate_amqp_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not urls or not all(_names_server(url, {"amqp", "amqps"}) for url in urls):
            message = "expected amqp://user:password@host:port/virtual-host, several with commas"
            raise ValueError(message)
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

    @field_validator("database_url")
    @classmethod
    def _validate_database_url(cls, url: str) -> str:
        if not _names_server(url, {"postgresql", "postgres", "postgresql+asyncpg"}):
            message = "expected postgresql://user:password@host:port/database"
            raise ValueError(message)
        return f"postgresql+asyncpg://{url.partition('://')[2]}"


def _names_server(url: str, schemes: AbstractSet[str]) -> bool:
    # Checked here, because the drivers raise errors of their own for a port like `56x2`.
    try:
        parts = urlsplit(url)
        # The query may name a socket directory as the host of a database.
        query = parse_qs(parts.query)
        ports = (parts.port, *map(int, query.get("port", ())))
    except ValueError:
        return False
    has_host = bool(parts.hostname) or "host" in query
    return parts.scheme in schemes and has_host and 0 not in ports


def load(environment: Mapping[str, str]) -> Settings:
    """The settings from this environment. Raises `SettingsError`."""
    values: dict[str, str] = {}
    for name, value in environment.items():
        field = _field_of(name)
        if field is None:
            continue
        if field in values:
            message = f"{name} is set twice, directly and as a file: keep one of them."
            raise SettingsError(message)
        values[field] = _secret_from_file(name, value) if name.endswith(FILE_SUFFIX) else value
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    settings._files.update(  # noqa: SLF001 -- its own module; no setting, so no field
        (name, value) for name, value in environment.items() if name in URL_FILES
    )
    return settings


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
        message = (
            f"{name} names the file {path}, which cannot be read: {error}."
            " Correct the path or the file's permissions."
        )
        raise SettingsError(message) from None


def environment_name(field: str) -> str:
    """The environment variable that sets this field."""
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
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{environment_name(field)}: {message}.")
    return "\n".join(lines)
