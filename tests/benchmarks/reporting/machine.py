"""Describes the machine, and the versions of Python, libraries and servers."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from worker.local import PrivateServers
from worker.local.installations import postgresql_folder

LIBRARIES = ("aio-pika", "asyncpg", "sqlalchemy", "pydantic", "uvloop", "faststream")
GIBIBYTE = 1 << 30


def machine() -> dict[str, object]:
    """Processor, cores and memory."""
    return {
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gibibytes": round(psutil.virtual_memory().total / GIBIBYTE, 1),
    }


async def versions(servers: PrivateServers) -> dict[str, str]:
    """Python, libraries and servers."""
    command = (str(postgresql_folder() / "postgres"), "--version")
    postgresql = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: ASYNC221 -- nothing else runs
    return {
        "python": platform.python_version(),
        "postgresql": re.sub(r"[^0-9.]*([0-9.]+).*", r"\1", postgresql.stdout.strip()),
        "rabbitmq": (await servers.rabbitmq.control("version")).strip(),
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
