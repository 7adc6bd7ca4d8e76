"""What waiting cannot heal: a server refuses what it is given, and a person must change it."""

__all__ = ["Mistake"]


class Mistake(Exception):
    """A server refuses for a reason that stays: a wrong password, a missing database or right.

    The text is one sentence for an operator. It names the parameter, file or right, says what to
    change, and contains no secret. Whatever a driver raises while it connects becomes a mistake, or
    an outage, which is waited for, in one place for each server.
    """
