"""The folder of one private server: who may enter, who owns what, and one server at a time."""

import fcntl
import os
from pathlib import Path
from typing import Final

from worker.local.account import Account
from worker.local.unavailable import ServerUnavailable
from worker.local.waiting import holds

__all__ = ["ServerFolder"]

CLAIM_DEADLINE_SECONDS: Final = 10
"""A server whose starter was killed a moment ago needs a moment to end."""
PASSABLE: Final = 0o711
PRIVATE: Final = 0o700


class ServerFolder:
    """A folder that one server at a time may use, passed on to the account it runs as."""

    def __init__(self, path: Path, account: Account | None) -> None:
        self.path: Final = path.absolute()
        self._account = account
        self._lock: int | None = None

    async def claim(self) -> None:
        """Makes the folder and locks it; `ServerUnavailable` when it cannot be used."""
        if self._lock is not None:
            return
        try:
            self._make(self.path)
        except OSError as error:
            raise ServerUnavailable(
                f"The folder {self.path} cannot be used: {error}. Choose another one."
            ) from error
        self._require_passage()
        await self._take_lock()

    def release(self) -> None:
        """Lets the folder go; the lock lasts until the last process that inherited it ends."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def inherited(self) -> tuple[int, ...]:
        """The lock, for a server to hold: a folder is not free while anything still writes."""
        return () if self._lock is None else (self._lock,)

    def directory(self, name: str) -> Path:
        """A folder of the server's own inside this one, made or passed on as needed."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        path.chmod(PRIVATE)
        self._pass_on(path)
        return path

    def write(self, name: str, text: str, *, mode: int = 0o600) -> Path:
        """Writes a file that the server may read."""
        path = self.path / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        self._pass_on(path)
        return path

    def _make(self, path: Path) -> None:
        if not path.exists():
            self._make(path.parent)
            path.mkdir()
            path.chmod(PASSABLE if self._account else PRIVATE)
        elif path == self.path and self._account and path.stat().st_uid == os.geteuid():
            path.chmod(path.stat().st_mode | PASSABLE)

    def _require_passage(self) -> None:
        for folder in (self.path, *self.path.parents):
            if self._account is not None and not self._account.may_pass(folder):
                raise ServerUnavailable(
                    f"The user {self._account.name}, which the server runs as, may not enter "
                    f"{folder}. Choose a folder elsewhere, or allow it: chmod o+x {folder}"
                )

    async def _take_lock(self) -> None:
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            free = await holds(lambda: _locked(lock), within_seconds=CLAIM_DEADLINE_SECONDS)
        except BaseException:
            os.close(lock)
            raise
        if not free:
            os.close(lock)
            raise ServerUnavailable(
                f"Another server uses the folder {self.path}. Stop it or choose another one."
            )
        self._lock = lock

    def _pass_on(self, path: Path) -> None:
        account = self._account
        if account is None or path.stat().st_uid == account.user_id:
            return
        for each in (path, *path.rglob("*")):
            os.chown(each, account.user_id, account.group_id, follow_symlinks=False)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
