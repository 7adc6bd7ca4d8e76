"""Counts things in sentences."""

__all__ = ["counted"]


def counted(count: int, thing: str, things: str | None = None) -> str:
    """As in "1 number" or "1,200 numbers"; `things` is a plural that does not end in `s`."""
    return f"{count:,} {thing if count == 1 else things or f'{thing}s'}"
