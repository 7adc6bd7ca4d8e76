"""The log: one record for each thing that happened, readable on a terminal, JSON elsewhere."""

from worker.telemetry.logs.actions import Action
from worker.telemetry.logs.logger import Logger, configure, get_logger

__all__ = ["Action", "Logger", "configure", "get_logger"]
