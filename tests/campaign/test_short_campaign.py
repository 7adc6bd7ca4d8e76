"""The campaign in small, by the same code: all that can be killed is killed."""

import json
import os
from pathlib import Path

import pytest

from tests.campaign import report
from tests.campaign.campaign import carried_out, planned
from tests.campaign.page import page
from tests.campaign.schedule import SIZES
from tests.campaign.verdict import GOOD
from worker.local import missing_servers

SEED = 2026


@pytest.mark.skipif(
    bool(missing_servers()) and not os.environ.get("CI"), reason=" ".join(missing_servers())
)
async def test_nothing_is_lost_or_doubled_whatever_dies(tmp_path: Path) -> None:
    result = await carried_out(planned(SEED, SIZES["short"], 5, tmp_path))
    told = json.loads(report.written(result))
    telling = {name: told[name] for name in ("reasons", "findings", "worker_troubles")}

    assert result.verdict.word == GOOD, json.dumps(telling, indent=1)
    assert told["counts"]["answered"] == SIZES["short"].commands
    assert "GOOD" in page(told)
