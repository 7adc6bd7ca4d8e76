"""Every parser stands some hostile inputs, and a fault would be found; `make fuzz` tries more."""

import pytest
from hypothesis import strategies as st

from tests.fuzz.running import run
from tests.fuzz.targets import TARGETS, Target

EXAMPLES = 40
SEED = 20_261_130


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_parser_stands_hostile_inputs(target: Target) -> None:
    done = run(target, EXAMPLES, SEED)

    assert done.fault is None
    assert done.inputs >= EXAMPLES / 2
    # Inputs that all end the same way would try one path alone.
    assert len(done.outcomes) > 1 or target.name == "dead letters"


def test_a_fault_is_found_and_shown_with_its_input() -> None:
    def fail_at_seven(number: int) -> str:
        assert number != 7
        return "fine"

    done = run(Target("sevens", st.integers(0, 9), fail_at_seven), EXAMPLES, SEED)

    assert done.fault is not None
    assert "7" in done.fault
    assert done.outcomes["fault"] > 0
