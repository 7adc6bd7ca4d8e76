"""The report of a campaign, as JSON."""

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tests.campaign.judging.ledger import MEANINGS
from tests.campaign.running.campaign import Result
from tests.campaign.running.watching import SAMPLED


def report_of(result: Result) -> dict[str, Any]:
    """The report as values that JSON can express."""
    campaign = result.campaign
    seconds = campaign.watch.samples[-1].seconds if campaign.watch.samples else 0.0
    counts = {
        name: campaign.counters[name] for name in (*SAMPLED, "repeated", "stated", "resent", "sent")
    }
    return {
        "verdict": result.verdict.word,
        "reasons": result.verdict.reasons,
        "seed": campaign.seed,
        "size": asdict(campaign.size),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": campaign.versions,
        "seconds": round(seconds, 1),
        "counts": counts | campaign.exercised,
        "commands_a_second": round(counts["answered"] / seconds, 1) if seconds else 0,
        "faults": {str(fault): count for fault, count in campaign.done.items()},
        "outcomes": dict(result.outcomes.most_common()),
        "deliveries": dict(result.deliveries),
        "findings": {
            name: {"meaning": MEANINGS[name], **asdict(finding)}
            for name, finding in result.findings.items()
        },
        "worker_troubles": campaign.worker_troubles,
        **campaign.watch.as_dict(),
    }


def as_json(result: Result) -> str:
    """The report as JSON text."""
    return json.dumps(report_of(result), indent=1)


def _machine() -> dict[str, object]:
    return {
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
    }
