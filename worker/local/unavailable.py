"""The errors of private servers."""

__all__ = ["PortTaken", "ServerUnavailable"]


class ServerUnavailable(Exception):
    """A server is not installed, did not start or refused a request; the text says why."""


class PortTaken(ServerUnavailable):
    """Another program took the port after it was found free."""
