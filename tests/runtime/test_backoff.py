"""Backoff: pauses grow with each failure, and start again after a steady period."""

from worker.runtime.backoff import Backoff


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def pauses(backoff: Backoff, count: int) -> list[float]:
    return [backoff.pause_seconds() for _ in range(count)]


def is_about(pause: float, seconds: float) -> bool:
    return seconds / 2 <= pause <= seconds


def test_backoff_doubles_each_pause_up_to_the_maximum() -> None:
    found = pauses(Backoff(1, 10), 6)

    expected = [1, 2, 4, 8, 10, 10]
    assert all(is_about(pause, about) for pause, about in zip(found, expected, strict=True))


def test_backoff_adds_jitter() -> None:
    assert pauses(Backoff(1, 10), 6) != pauses(Backoff(1, 10), 6)


def test_backoff_starts_again_after_a_steady_period() -> None:
    clock = Clock()
    backoff = Backoff(1, 10, steady_seconds=20, clock=clock)
    pauses(backoff, 6)
    clock.seconds += 20
    assert is_about(backoff.pause_seconds(), 10)
    clock.seconds += 20.1

    assert is_about(backoff.pause_seconds(), 1)
