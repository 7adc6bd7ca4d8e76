"""The folder of a private server: its permissions, its owner, and its lock."""

import fcntl
import os
from pathlib import Path
from typing import Final

from worker.local.account import Account
from worker.local.unavailable import ServerUnavailable
from worker.local.waiting import holds

__all__ = ["ServerFolder"]

CLAIM_DEADLINE_SECONDS: Final = 10
"""Longer than a server needs to end after its parent was killed."""
TRAVERSABLE: Final = 0o711
PRIVATE: Final = 0o700


class ServerFolder:
    """A folder that one server at a time may use, owned by the account that the server runs as."""

    def __init__(self, path: Path, account: Account | None) -> None:
        self.path: Final = path.absolute()
        self._account = account
        self._lock: int | None = None

    async def claim(self) -> None:
        """Creates the folder and locks it. Raises `ServerUnavailable`."""
        if self._lock is not None:
            return
        try:
            self._make(self.path)
        except OSError as error:
            raise ServerUnavailable(
                f"The folder {self.path} cannot be used: {error}. Choose another folder."
            ) from error
        self._require_traversable()
        await self._take_lock()

    def release(self) -> None:
        """Releases the folder; its lock lasts until the last process that inherited it ends."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def inherited(self) -> tuple[int, ...]:
        """The lock's file descriptor, for the server to inherit: it may outlive this process."""
        return () if self._lock is None else (self._lock,)

    def directory(self, name: str) -> Path:
        """A folder inside this one that the server owns; created if needed."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        path.chmod(PRIVATE)
        self._give_to_account(path)
        return path

    def write(self, name: str, text: str, *, mode: int = 0o600) -> Path:
        """Writes a file that the server owns."""
        path = self.path / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        self._give_to_account(path)
        return path

    def _make(self, path: Path) -> None:
        if not path.exists():
            self._make(path.parent)
            path.mkdir()
            path.chmod(TRAVERSABLE if self._account else PRIVATE)
        elif path == self.path and self._account and path.stat().st_uid == os.geteuid():
            path.chmod(path.stat().st_mode | TRAVERSABLE)

    def _require_traversable(self) -> None:
        for folder in (self.path, *self.path.parents):
            if self._account is not None and not self._account.may_traverse(folder):
                raise ServerUnavailable(
                    f"The user {self._account.name}, which the server runs as, may not enter "
                    f"{folder}. Choose another folder, or allow it: chmod o+x {folder}"
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
                f"Another server uses the folder {self.path}. Stop it or choose another folder."
            )
        self._lock = lock

    def _give_to_account(self, path: Path) -> None:
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
