"""The released contracts: a folder for each version, with schemas and topology, never changed."""

import json
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import activation_contracts

__all__ = [
    "EXPORTED",
    "PROJECT",
    "RELEASED",
    "AlreadyReleased",
    "Contracts",
    "last_release",
    "next_version",
    "release",
]

FOLDER: Final = Path(activation_contracts.__file__).parents[1]
EXPORTED: Final = FOLDER / "activation_contracts" / "exported"
RELEASED: Final = FOLDER / "released"
PROJECT: Final = FOLDER / "pyproject.toml"
SCHEMAS: Final = "schemas"
TOPOLOGY: Final = "topology.json"


class AlreadyReleased(Exception):
    """This version of the contracts has been released: readers rely on it as it is."""


@dataclass(frozen=True)
class Contracts:
    """The contracts of one version."""

    version: str
    schemas: Mapping[str, Mapping[str, Any]]
    """By type of message."""
    topology: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path, version: str) -> "Contracts":
        """Reads what `activation-worker contracts export` or `release` wrote."""
        files = sorted((folder / SCHEMAS).glob("*.json"))
        return cls(version, {file.stem: _json(file) for file in files}, _json(folder / TOPOLOGY))

    @property
    def major(self) -> int:
        """The first number of the version."""
        return _numbers(self.version)[0]


def next_version(project: Path = PROJECT) -> str:
    """The version of the contracts that the next release will have."""
    version: str = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    return version


def last_release(released: Path = RELEASED) -> Contracts | None:
    """The newest released contracts, if any are."""
    folders = [folder for folder in released.glob("*") if folder.is_dir()]
    if not folders:
        return None
    newest = max(folders, key=lambda folder: _numbers(folder.name))
    return Contracts.read(newest, newest.name)


def release(version: str, exported: Path = EXPORTED, released: Path = RELEASED) -> Path:
    """Keeps the exported contracts as those of this version. Raises `AlreadyReleased`."""
    last = last_release(released)
    if last is not None and _numbers(version) <= _numbers(last.version):
        raise AlreadyReleased(
            f"the contracts {last.version} are released and stay as they are, and {version} is not"
            " newer; raise the version in contracts/pyproject.toml"
        )
    folder = released / version
    shutil.copytree(exported / SCHEMAS, folder / SCHEMAS)
    shutil.copy(exported / TOPOLOGY, folder / TOPOLOGY)
    return folder


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
