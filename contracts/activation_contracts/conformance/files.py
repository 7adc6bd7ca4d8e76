"""Conformance on files alone: writes the messages, and reads results from files."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from activation_contracts.conformance.judging import Verdict, judge, judge_results
from activation_contracts.conformance.planning import PlannedCase
from activation_contracts.conformance.transcript import Arrival, Transcript

__all__ = ["judge_files", "lines_of", "read_results", "write_messages"]

MANIFEST = "cases.json"


def write_messages(planned: Sequence[PlannedCase], folder: Path) -> list[Path]:
    """Writes each message as a file, in the order in which to apply them, and a list of the cases.

    Returns the paths. Other files in the folder are not changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for item in planned:
        for number, request in enumerate(item.requests, 1):
            path = folder / item.case.name / _file_name(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(request.body)
            paths.append(path)
    manifest = folder / MANIFEST
    manifest.write_text(
        json.dumps([_entry(item) for item in planned], indent=2, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    return [manifest, *paths]


def _entry(planned: PlannedCase) -> dict[str, Any]:
    case = planned.case
    return {
        "name": case.name,
        "meaning": case.meaning,
        "rule": str(case.rule),
        "messages": [
            {
                "file": f"{case.name}/{_file_name(number)}",
                "exchange": request.exchange,
                "routing_key": request.routing_key,
                "expected": str(request.expectation),
                "before_the_results_of_the_last": request.is_at_once,
            }
            for number, request in enumerate(planned.requests, 1)
        ],
    }


def _file_name(number: int) -> str:
    return f"{number:02}.json"


def judge_files(planned: Sequence[PlannedCase], results: Iterable[bytes]) -> list[Verdict]:
    """The verdicts on these results, in the order in which the PBX reported them."""
    transcript = Transcript()
    sent = [[transcript.open(request) for request in item.requests] for item in planned]
    for body in results:
        transcript.receive(Arrival(body))
    for item in chain.from_iterable(sent):
        # Without times: a repeated `retry_later` is no result of another attempt.
        item.silences = sum(not repeat.answers for repeat in item.repeats)
    return [
        *(
            judge(item.case, item.requests, requests)
            for item, requests in zip(planned, sent, strict=True)
        ),
        judge_results(transcript),
    ]


def read_results(path: Path) -> Iterator[bytes]:
    """The results: the files `*.json` of a folder in the order of their names, or JSON Lines."""
    if path.is_dir():
        for file in sorted(path.glob("*.json")):
            yield file.read_bytes()
    else:
        yield from lines_of(path.read_bytes())


def lines_of(content: bytes) -> Iterator[bytes]:
    """The lines of JSON Lines, without empty ones."""
    return (line for line in content.splitlines() if line.strip())
