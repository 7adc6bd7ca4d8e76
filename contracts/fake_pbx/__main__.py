"""The command line of the fake PBX."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from contracts.fake_pbx.behaviour import KINDS, SYNTAX, Fault, FaultKind, parse_fault
from contracts.fake_pbx.pbx import FakePbx
from contracts.values import SiteId, Step

DESCRIPTION: Final = """\
A PBX to test against: it consumes the PBX queues and the PENDING events of activations, applies
them in memory by the rules of contracts/docs/pbx.md, and answers each with a result. It prints
what it does. AMQP_URL, from the environment, names the broker; its queues must exist already
(`activation-worker topology`)."""

EXAMPLES: Final = """\
examples:
  --fault activation=refuse:EXTENSION_IN_USE
  --fault 'hunt_group_membership=retry_later*2'           twice, and then done
  --fault extension_reset@+442079460203=slow:5            one number only
  --fault handset_logout=slow:2 --fault handset_logout=duplicate

A number's own faults take the place of those for all numbers. Faults of one step add up; of several
results the first counts."""


def _epilog() -> str:
    kinds = "\n".join(f"  {kind + _value(kind):<20} {row.meaning}" for kind, row in KINDS.items())
    return (
        f"steps:\n  {', '.join(Step)}\n\nkinds of faults (*TIMES: for the first attempts only):\n"
        f"{kinds}\n\n{EXAMPLES}"
    )


def _value(kind: FaultKind) -> str:
    match KINDS[kind].value:
        case "SECONDS":
            return ":SECONDS"
        case "CODE":
            return "[:CODE]"
        case None:
            return ""


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _site(text: str) -> str:
    try:
        return TypeAdapter(SiteId).validate_python(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(f"{text!r} is no site id") from None


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m contracts.fake_pbx",
        description=DESCRIPTION,
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--site",
        type=_site,
        help="serve this site only, from a queue of its own beside the common ones",
    )
    parser.add_argument(
        "--fault",
        dest="faults",
        action="append",
        default=[],
        type=_fault,
        metavar=SYNTAX,
        help="misbehave at a step; may be given several times",
    )
    return parser.parse_args(words)


def _tell(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


async def _run(arguments: argparse.Namespace, url: str) -> str | None:
    """Runs until it is asked to stop; what went wrong, if anything did."""
    try:
        # Here, so that --help needs nothing but the contracts.
        from contracts.fake_pbx.service import NotPrepared, Service  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return f"{error}: pip install 'activation-worker-contracts[fake-pbx]'"
    pbx = FakePbx(arguments.faults, site_id=arguments.site, run=uuid4())
    service = Service(pbx, url, site_id=arguments.site, tell=_tell)
    serving = asyncio.ensure_future(service.run())
    for asked in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(asked, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return None
    except NotPrepared as error:
        return f"{error}: has `activation-worker topology` been run?"
    return None


def main(words: Sequence[str] | None = None) -> None:
    """Runs the fake PBX."""
    arguments = _arguments(words)
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/")
    if urlsplit(url).scheme not in {"amqp", "amqps"} or not urlsplit(url).hostname:
        sys.exit("AMQP_URL: expected amqp://user:password@host:port/virtual-host.")
    sys.exit(asyncio.run(_run(arguments, url)))


if __name__ == "__main__":
    main()
