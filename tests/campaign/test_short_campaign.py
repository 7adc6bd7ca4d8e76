"""A short campaign, by the same code as a long one: every part is killed."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign.judging.verdict import GOOD
from tests.campaign.planning.schedule import SIZES
from tests.campaign.reporting import report
from tests.campaign.reporting.page import page
from tests.campaign.running.campaign import plan_campaign, run_campaign
from worker.local import missing_servers

SEED = 2026


@pytest.mark.skipif(
    bool(missing_servers()) and not os.environ.get("CI"), reason=" ".join(missing_servers())
)
@pytest.mark.parametrize("upgrade", [False, True], ids=["one release", "upgrade"])
@pytest.mark.campaign
async def test_short_campaign_loses_and_doubles_nothing(tmp_path: Path, *, upgrade: bool) -> None:
    size = replace(SIZES["short"], upgrade=upgrade)
    result = await run_campaign(plan_campaign(SEED, size, 5, tmp_path))
    contents = json.loads(report.as_json(result))
    causes = {name: contents[name] for name in ("reasons", "findings", "worker_troubles")}

    assert result.verdict.word == GOOD, json.dumps(causes, indent=1)
    assert contents["counts"]["answered"] == SIZES["short"].commands
    assert "GOOD" in page(contents)
