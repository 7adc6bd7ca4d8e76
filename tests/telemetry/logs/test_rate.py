"""A flood writes few lines, and every line that was left out is counted."""

from hypothesis import given
from hypothesis import strategies as st

from worker.telemetry.logs.rate import LogRate


@given(pauses=st.lists(st.floats(0, 2), max_size=200), lines_per_second=st.integers(1, 5))
def test_no_second_has_more_lines_and_none_is_uncounted(
    pauses: list[float], lines_per_second: int
) -> None:
    now = 0.0
    rate = LogRate(lines_per_second, clock=lambda: now)
    seconds: list[int] = []
    counted = pending = 0
    for pause in pauses:
        now += pause
        left_out = rate.admit()
        if left_out is None:
            pending += 1
            continue
        assert left_out == pending
        counted, pending = counted + left_out + 1, 0
        seconds.append(int(now))

    assert all(seconds.count(second) <= lines_per_second for second in seconds)
    assert counted + pending == len(pauses)
