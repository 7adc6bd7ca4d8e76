"""The log of the peers: one line for each command, as any operated service has."""

import logging

from activation_contracts.messages import Activate

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_LOGGER = logging.getLogger("peer")


def configure() -> None:
    """Logs to standard error; from libraries only warnings."""
    logging.basicConfig(format=FORMAT, level=logging.WARNING)
    _LOGGER.setLevel(logging.INFO)


def log_command(command: Activate) -> None:
    """Logs one command, after its last commit."""
    data = command.data
    _LOGGER.info("command %s: %s of %s activated", command.id, data.phone_number, data.account_id)
