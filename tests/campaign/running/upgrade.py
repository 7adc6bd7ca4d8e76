"""An upgrade without a stop: the schema first, then one worker after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.campaign.running.children import command
from tests.campaign.running.workers import Slot, Workers
from tests.support.releases import THIS, Release


@dataclass(frozen=True)
class Upgrade:
    """The steps of an upgrade from the release with which the campaign began to this one."""

    workers: Workers
    environment: Mapping[str, str]
    last: Release
    _upgraded: list[Slot] = field(default_factory=list)

    async def migrate(self) -> str:
        """Migrates the schema while the workers of the last release serve."""
        return await command(THIS, self.environment, "migrate")

    async def upgrade_worker(self) -> str:
        """Replaces a worker of the last release: the one that leads, if there is any."""
        slots = [slot for slot in self.workers.slots if slot not in self._upgraded]
        slot = min(slots, key=lambda item: not item.leads)
        self._upgraded.append(slot)
        slot.replace(THIS)
        return f"{len(self._upgraded)} of this release"

    async def take_worker_back(self) -> str:
        """Replaces a worker of this release by one of the last, on the schema of this one."""
        slot = self._upgraded.pop()
        slot.replace(self.last)
        return f"{len(self._upgraded)} of this release"
