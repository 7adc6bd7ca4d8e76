"""The arguments of the conformance kit."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from activation_contracts.conformance.cases import CASES
from activation_contracts.conformance.planning import COMMON_STEPS, Inventory
from activation_contracts.conformance.running import Limits
from activation_contracts.values import AccountId, PhoneNumber, PlainText, SiteId, Step

__all__ = ["Options", "options_of"]

DESCRIPTION: Final = """\
Checks a PBX against contracts/docs/pbx.md. In place of a worker, it publishes requests to the PBX
queues of a broker, in order, repeated, late and out of order, and judges the results that the PBX
reports. Or it writes the requests as files, and judges results from files."""

EPILOG: Final = """\
Exit status: 0 if each case passed, 1 if a case failed, 2 if nothing was tested."""

PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Options:
    """What the arguments say."""

    url: str | None
    virtual_host: str | None
    write: Path | None
    results: str | None
    json: bool
    purges: bool
    steps: tuple[Step, ...]
    cases: tuple[str, ...]
    restart_command: tuple[str, ...] | None
    limits: Limits
    data: Inventory


def options_of(words: Sequence[str] | None) -> Options:
    """The options in these words; exits with 2 and an explanation if they are invalid."""
    found = _parser().parse_args(words)
    return Options(
        url=found.url,
        virtual_host=found.vhost,
        write=found.write,
        results=found.results,
        json=found.json,
        purges=found.purge,
        steps=found.steps,
        cases=tuple(found.cases),
        restart_command=found.restart_command,
        limits=Limits(found.within, found.attempts, found.pause, found.settle),
        data=Inventory(
            phone_numbers=tuple(found.numbers),
            extension=found.extension,
            account_id=found.account,
            site_id=found.site,
            hunt_groups=tuple(found.hunt_group),
            devices=tuple(found.device),
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m activation_contracts.conformance",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_connection(parser)
    _add_choices(parser)
    _add_limits(parser)
    _add_data(parser)
    return parser


def _add_connection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where").add_mutually_exclusive_group()
    group.add_argument(
        "--url", help="the broker; by default the environment variable AMQP_URL names it"
    )
    group.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write the requests as files, and end"
    )
    group.add_argument(
        "--results",
        metavar="PATH",
        help="judge the results in this folder (*.json, in the order of their names), or in this"
        " file of JSON Lines, or - for standard input; without a broker",
    )
    parser.add_argument("--vhost", help="the virtual host, in place of that of the URL")
    parser.add_argument(
        "--purge", action="store_true", help="first remove all messages from the queues in use"
    )
    parser.add_argument("--json", action="store_true", help="print a summary for programs")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to test")
    group.add_argument(
        "--steps",
        type=_steps,
        default=COMMON_STEPS,
        metavar="STEP,...",
        help=f"the steps that the PBX carries out (default: {','.join(COMMON_STEPS)}); add"
        f" {Step.ACTIVATION} if it provisions numbers by PENDING events",
    )
    group.add_argument(
        "--case",
        dest="cases",
        action="append",
        default=[],
        choices=[case.name for case in CASES],
        metavar="NAME",
        help="only this case; can be repeated",
    )
    group.add_argument(
        "--restart-command",
        type=_command,
        metavar="COMMAND",
        help="a command that kills the PBX and starts it again, for the case `restart`",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("time")
    seconds: dict[str, Any] = {"type": _seconds, "metavar": "SECONDS"}
    default = Limits()
    group.add_argument(
        "--within", **seconds, default=default.result_seconds, help="how long a result may take"
    )
    group.add_argument(
        "--attempts",
        type=_count,
        default=default.attempts,
        help="how often to send a request at most, while the PBX answers `retry_later`",
    )
    group.add_argument(
        "--pause", **seconds, default=default.pause_seconds, help="the pause after `retry_later`"
    )
    group.add_argument(
        "--settle",
        **seconds,
        default=default.settle_seconds,
        help="how long to wait at the end for results that must not come",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what the PBX knows")
    group.add_argument(
        "--number",
        dest="numbers",
        action="append",
        default=[],
        metavar="NUMBER",
        type=_valid(PhoneNumber, "a phone number"),
        help="a number for tests; can be repeated (default: numbers that are reserved for fiction)",
    )
    text = _valid(PlainText, "text")
    group.add_argument("--extension", type=text, default="0300", help="the extension of the number")
    group.add_argument("--account", type=_valid(AccountId, "an account id"), default="acme")
    group.add_argument("--site", type=_valid(SiteId, "a site id"), default="london-1")
    pair: dict[str, Any] = {"type": text, "nargs": PAIR}
    group.add_argument(
        "--hunt-group", **pair, metavar="ID", default=("conformance-1", "conformance-2")
    )
    group.add_argument("--device", **pair, metavar="ID", default=("handset-1", "handset-2"))


def _valid(kind: Any, name: str) -> Callable[[str], str]:  # noqa: ANN401 -- an annotated type
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    def parse(text: str) -> str:
        try:
            return adapter.validate_python(text)
        except ValidationError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {name}") from None

    return parse


def _steps(text: str) -> tuple[Step, ...]:
    try:
        return tuple(Step(word) for word in text.split(","))
    except ValueError:
        expected = ", ".join(Step)
        raise argparse.ArgumentTypeError(f"{text!r}: expected some of {expected}") from None


def _command(text: str) -> tuple[str, ...]:
    words = tuple(shlex.split(text))
    if not words:
        raise argparse.ArgumentTypeError("the command is empty")
    return words


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of attempts")
    return int(text)
