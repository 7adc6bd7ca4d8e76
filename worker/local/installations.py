"""Finds the installed programs of RabbitMQ and PostgreSQL."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from worker.local.unavailable import ServerUnavailable

__all__ = [
    "missing_servers",
    "postgresql_folder",
    "program",
    "rabbitmq_folder",
    "search_path",
]

POSTGRESQL_PROGRAMS: Final = ("initdb", "postgres")
RABBITMQ_PROGRAMS: Final = ("rabbitmq-env", "rabbitmq-server", "rabbitmqctl")
"""`rabbitmq-env` identifies RabbitMQ's own scripts: Debian's wrappers require one system user."""
POSTGRESQL_PACKAGES: Final = Path("/usr/lib/postgresql")
RABBITMQ_PACKAGE: Final = Path("/usr/lib/rabbitmq")
SYSTEM_FOLDERS: Final = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
INSTALL: Final = "Install it with: sudo apt-get install --no-install-recommends"


def search_path() -> str:
    """The `PATH` for the servers: the caller's, then the folders that ordinary users lack."""
    return f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}"


def program(name: str, *, package: str) -> str:
    """The path of a program. Raises `ServerUnavailable`, which names the package to install."""
    found = shutil.which(name, path=search_path())
    if found is None:
        raise ServerUnavailable(f"The program {name} is missing. {INSTALL} {package}")
    return found


def postgresql_folder() -> Path:
    """The folder of PostgreSQL's programs: `POSTGRESQL_BIN`, else from PATH, else the newest."""
    installed = (*_on_path("postgres"), *_newest_first(POSTGRESQL_PACKAGES.glob("*/bin")))
    folder = _chosen("POSTGRESQL_BIN", POSTGRESQL_PROGRAMS) or _first(
        installed, POSTGRESQL_PROGRAMS
    )
    if folder is None:
        raise ServerUnavailable(f"PostgreSQL is not installed. {INSTALL} postgresql")
    return folder


def rabbitmq_folder() -> Path:
    """The folder of RabbitMQ's programs: `RABBITMQ_SBIN`, else from PATH, else of a package."""
    installed = (
        *_on_path("rabbitmq-server"),
        RABBITMQ_PACKAGE / "bin",
        *_newest_first(RABBITMQ_PACKAGE.glob("lib/rabbitmq_server-*/sbin")),
    )
    folder = _chosen("RABBITMQ_SBIN", RABBITMQ_PROGRAMS) or _first(installed, RABBITMQ_PROGRAMS)
    if folder is None:
        raise ServerUnavailable(f"RabbitMQ is not installed. {INSTALL} rabbitmq-server")
    return folder


def missing_servers() -> tuple[str, ...]:
    """A sentence with the remedy for each server that is not installed."""
    missing = []
    for find in (rabbitmq_folder, postgresql_folder):
        try:
            find()
        except ServerUnavailable as error:
            missing.append(str(error))
    return tuple(missing)


def _chosen(variable: str, programs: Iterable[str]) -> Path | None:
    value = os.environ.get(variable)
    if not value:
        return None
    folder = _first((Path(value).resolve(),), programs)
    if folder is None:
        wanted = ", ".join(programs)
        raise ServerUnavailable(
            f"{variable}={value} does not contain the programs {wanted}. "
            "Correct the variable, or unset it to use the installed ones."
        )
    return folder


def _first(folders: Iterable[Path], programs: Iterable[str]) -> Path | None:
    wanted = tuple(programs)
    complete = (folder for folder in folders if all((folder / name).exists() for name in wanted))
    return next(complete, None)


def _on_path(name: str) -> tuple[Path, ...]:
    found = shutil.which(name, path=search_path())
    return () if found is None else (Path(found).resolve().parent,)


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    def version(folder: Path) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", folder.parent.name)]

    return sorted(folders, key=version, reverse=True)
