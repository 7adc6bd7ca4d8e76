import os
from pathlib import Path

import pytest

from worker.local import ServerUnavailable
from worker.local.account import Account, account_for
from worker.local.folder import ServerFolder

STRANGER = Account("stranger", 64_000, 64_000)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes owners")
async def test_root_gives_folders_and_files_to_the_account_of_the_server(folder: Path) -> None:
    place = ServerFolder(folder / "deep" / "inside", STRANGER)
    await place.claim()
    data = place.directory("data")
    secret = place.write("data/secret", "word", mode=0o400)
    place.release()
    assert {data.stat().st_uid, secret.stat().st_uid} == {STRANGER.user_id}
    assert secret.stat().st_mode & 0o777 == 0o400


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")
async def test_claim_refuses_a_folder_that_the_account_cannot_reach(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServerUnavailable, match=f"stranger.* chmod o.x {closed}$"):
        await ServerFolder(closed / "inside", STRANGER).claim()


async def test_claim_refuses_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerUnavailable, match=r"cannot be used.*Choose another"):
        await ServerFolder(tmp_path / "file" / "inside", None).claim()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user starts servers as itself")
def test_root_starts_no_server_as_root() -> None:
    account = account_for("no-such-user-anywhere")
    assert account is not None
    assert account.name == "nobody"
