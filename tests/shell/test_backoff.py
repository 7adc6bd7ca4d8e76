"""Pauses grow while it goes wrong, and are short again when it has gone well."""

from worker.shell.backoff import Backoff


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def pauses(backoff: Backoff, count: int) -> list[float]:
    return [backoff.pause_seconds() for _ in range(count)]


def is_about(pause: float, seconds: float) -> bool:
    return seconds / 2 <= pause <= seconds


def test_each_pause_is_about_twice_the_one_before_up_to_the_longest() -> None:
    found = pauses(Backoff(1, 10), 6)

    expected = [1, 2, 4, 8, 10, 10]
    assert all(is_about(pause, about) for pause, about in zip(found, expected, strict=True))


def test_two_who_wait_do_not_wait_equally_long() -> None:
    assert pauses(Backoff(1, 10), 6) != pauses(Backoff(1, 10), 6)


def test_after_a_steady_while_the_next_failure_is_a_new_one() -> None:
    clock = Clock()
    backoff = Backoff(1, 10, steady_seconds=20, clock=clock)
    pauses(backoff, 6)
    clock.seconds += 20
    assert is_about(backoff.pause_seconds(), 10)
    clock.seconds += 20.1

    assert is_about(backoff.pause_seconds(), 1)
