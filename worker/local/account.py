"""The system account that a server runs as."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from worker.local.unavailable import ServerUnavailable

__all__ = ["Account", "account_for"]


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged system user, for servers that root starts."""

    name: str
    user_id: int
    group_id: int

    def may_traverse(self, folder: Path) -> bool:
        """Whether the mode of the folder lets this user reach what is in it."""
        status = folder.stat()
        if status.st_uid == self.user_id:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.group_id:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def account_for(package_user: str) -> Account | None:
    """The user of the package, else `nobody`; None unless this process runs as root.

    PostgreSQL refuses to run as root, and a RabbitMQ that guests may use must not.
    """
    if os.geteuid() != 0:
        return None
    for name in (package_user, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ServerUnavailable(
        f"A private server does not run as root, and neither user {package_user} nor user nobody"
        " exists. Create one of them, or start this program as an ordinary user."
    )
