"""What goes wrong when a private server is wanted."""

__all__ = ["PortTaken", "ServerUnavailable"]


class ServerUnavailable(Exception):
    """A server is not installed, did not start or did not obey; the text says what to do."""


class PortTaken(ServerUnavailable):
    """Another program took a port between the moment it was found free and the start."""
