"""Being asked to stop."""

import asyncio
import signal


async def until_asked_to_stop(*running: asyncio.Task[None]) -> None:
    """Returns after SIGTERM, these tasks ended; raises what one of them raised before."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    waiting = asyncio.create_task(asked.wait())
    done, _ = await asyncio.wait((waiting, *running), return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, *running):
        task.cancel()
    await asyncio.gather(waiting, *running, return_exceptions=True)
    for task in done:
        task.result()
