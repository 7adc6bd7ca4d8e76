"""The command line of the conformance kit."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from activation_contracts.broker.command_line import (
    BROKER_MISSING,
    DEFAULT_URL,
    URL_FORM,
    is_amqp_url,
    printable,
)
from activation_contracts.conformance.arguments import Options, options_of
from activation_contracts.conformance.files import (
    judge_files,
    lines_of,
    read_results,
    write_messages,
)
from activation_contracts.conformance.judging import Verdict
from activation_contracts.conformance.planning import Identity, Plan, plan
from activation_contracts.conformance.reporting import lines, summary

FAILED: Final = 1
NOTHING_TESTED: Final = 2


def main(words: Sequence[str] | None = None) -> None:
    """Runs the kit; exits with 0 if each case passed, 1 if one failed, 2 if nothing was tested."""
    options = options_of(words)
    if options.write is not None:
        _write(_plan(options, Identity.of_files()), options.write)
        return
    if options.results is not None:
        planned = _plan(options, Identity.of_files())
        verdicts = judge_files(planned.cases, _results(options.results))
    else:
        planned = _plan(options, Identity.of_a_run(datetime.now(UTC)))
        verdicts = _at_broker(options, planned)
    _report(options, planned, verdicts)
    sys.exit(0 if all(verdict.passed for verdict in verdicts) else FAILED)


def _plan(options: Options, identity: Identity) -> Plan:
    planned = plan(
        options.data,
        identity,
        steps=options.steps,
        names=options.cases,
        restarts=options.restart_command is not None,
    )
    if not planned.cases:
        reasons = "; ".join(f"{name} ({option})" for name, option in planned.not_run.items())
        _stop(f"Nothing is tested. Add the missing option: {reasons}.")
    return planned


def _write(planned: Plan, folder: Path) -> None:
    try:
        written = write_messages(planned.cases, folder)
    except OSError as error:
        _stop(f"{error.filename or folder}: {error.strerror}")
    _print(f"{len(written)} files written to {folder}")


def _results(path: str) -> Sequence[bytes]:
    if path == "-":
        return [*lines_of(sys.stdin.buffer.read())]
    try:
        return [*read_results(Path(path))]
    except OSError as error:
        _stop(f"{path}: {error.strerror}")


def _at_broker(options: Options, planned: Plan) -> list[Verdict]:
    url = options.url or os.environ.get("AMQP_URL", DEFAULT_URL)
    if not is_amqp_url(url):
        _stop(f"AMQP_URL or --url: {URL_FORM}")
    try:
        # Imported here, because files are judged without aio-pika.
        from activation_contracts.conformance.at_broker import NotTested, verdicts_at  # noqa: PLC0415
    except ModuleNotFoundError as error:
        _stop(f"{error}: {BROKER_MISSING}")
    try:
        return asyncio.run(verdicts_at(url, options, planned, _remark))
    except NotTested as error:
        _stop(str(error))


def _report(options: Options, planned: Plan, verdicts: Sequence[Verdict]) -> None:
    if options.json:
        _print(json.dumps(summary(verdicts, planned.not_run), indent=2), escape=False)
        return
    for line in lines(verdicts, planned.not_run):
        _print(line)


def _print(line: str, *, escape: bool = True) -> None:
    sys.stdout.write(f"{printable(line) if escape else line}\n")


def _remark(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")


def _stop(problem: str) -> NoReturn:
    _remark(problem)
    sys.exit(NOTHING_TESTED)


if __name__ == "__main__":
    main()
