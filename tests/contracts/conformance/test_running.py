"""How the kit carries cases out, without a broker."""

import asyncio

from activation_contracts.conformance.requests import Request
from activation_contracts.conformance.running import Limits, Run
from activation_contracts.conformance.transcript import Arrival

from tests.support.conformance import planned_cases, results_of


class StoppedPbx:
    """A PBX that carries out what it has got when it is started."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.sent: list[str] = []

    async def send(self, request: Request) -> str | None:
        """Keeps the request."""
        self.sent.append(request.id)
        self.waiting.append(request.body)
        return None


async def test_time_for_results_begins_after_the_restart() -> None:
    pbx = StoppedPbx()
    limits = Limits(result_seconds=0.5, attempts=5, settle_seconds=0)

    async def restart() -> None:
        # The limit passes meanwhile.
        await asyncio.sleep(2 * limits.result_seconds)
        for result in results_of(pbx.waiting):
            await run.receive(Arrival(result.encode()))

    run = Run(pbx, limits, restart)
    verdicts = await run.verdicts(planned_cases("restart"))

    assert [verdict.findings for verdict in verdicts] == [(), ()]
    assert len(pbx.sent) == len({*pbx.sent})
