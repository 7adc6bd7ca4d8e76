"""Whom a server runs as."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from worker.local.unavailable import ServerUnavailable

__all__ = ["Account", "account_for"]


@dataclass(frozen=True, slots=True)
class Account:
    """A system user without rights of its own, for servers that root starts."""

    name: str
    user_id: int
    group_id: int

    def may_pass(self, folder: Path) -> bool:
        """Whether this user may reach what lies in the folder, as far as its mode says."""
        status = folder.stat()
        if status.st_uid == self.user_id:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.group_id:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def account_for(package_user: str) -> Account | None:
    """The package's own user, else `nobody`; `None` unless this is root.

    PostgreSQL refuses root, and a RabbitMQ that guests may use must not have its rights.
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
        f"A private server does not run as root, and there is no user {package_user} or nobody. "
        "Create one, or start this as an ordinary user."
    )
