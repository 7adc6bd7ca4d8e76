"""What the peers log: a line for each command, as any service does that people have to run."""

import logging

from contracts.messages import Activate

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_LOGGER = logging.getLogger("peer")


def configure() -> None:
    """Sends lines to standard error; of libraries only warnings."""
    logging.basicConfig(format=FORMAT, level=logging.WARNING)
    _LOGGER.setLevel(logging.INFO)


def carried_out(command: Activate) -> None:
    """The line of one command, written when the last of it is stored."""
    data = command.data
    _LOGGER.info("command %s: %s of %s activated", command.id, data.phone_number, data.account_id)
