"""The command line of the fake PBX."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from activation_contracts.broker.command_line import (
    BROKER_MISSING,
    DEFAULT_URL,
    URL_FORM,
    is_amqp_url,
    printable,
)
from activation_contracts.fake_pbx.behaviour import (
    FAULT_KINDS,
    SYNTAX,
    Fault,
    FaultKind,
    parse_fault,
)
from activation_contracts.fake_pbx.pbx import FakePbx
from activation_contracts.values import SiteId, Step

DESCRIPTION: Final = """\
A fake PBX for tests. It consumes the PBX queues and the PENDING events of activations, applies them
in memory according to contracts/docs/pbx.md, publishes a result for each, and prints what it does.
The environment variable AMQP_URL names the broker. The queues must exist: run `activation-worker
topology` first."""

EXAMPLES: Final = """\
examples:
  --fault activation=refuse:EXTENSION_IN_USE
  --fault 'hunt_group_membership=retry_later*2'           twice, then done
  --fault extension_reset@+442079460203=slow:5            for one number
  --fault handset_logout=slow:2 --fault handset_logout=duplicate

The faults of a number replace the faults for all numbers. Faults of one step are combined; if
a step gets several results, the worker counts the first."""


def _epilog() -> str:
    kinds = "\n".join(
        f"  {kind + _placeholder(kind):<20} {row.meaning}" for kind, row in FAULT_KINDS.items()
    )
    return (
        f"steps:\n  {', '.join(Step)}\n\nkinds of faults (*TIMES: for that many attempts):\n"
        f"{kinds}\n\n{EXAMPLES}"
    )


def _placeholder(kind: FaultKind) -> str:
    match FAULT_KINDS[kind].value:
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
        raise argparse.ArgumentTypeError(f"{text!r} is not a site id") from None


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m activation_contracts.fake_pbx",
        description=DESCRIPTION,
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--site",
        type=_site,
        help="serve only this site, from its own queue",
    )
    parser.add_argument(
        "--fault",
        dest="faults",
        action="append",
        default=[],
        type=_fault,
        metavar=SYNTAX,
        help="inject a fault at a step; can be repeated",
    )
    return parser.parse_args(argv)


def _print(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {printable(line)}\n")
    sys.stdout.flush()


async def _run(arguments: argparse.Namespace, url: str) -> str | None:
    """Runs until SIGINT or SIGTERM. Returns an error text, or None."""
    try:
        # Imported here, because --help must work without aio-pika.
        from activation_contracts.fake_pbx.service import Service, TopologyMissing  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return f"{error}: {BROKER_MISSING}"
    pbx = FakePbx(arguments.faults, site_id=arguments.site, run=uuid4())
    service = Service(pbx, url, site_id=arguments.site, report=_print)
    serving = asyncio.ensure_future(service.run())
    for stop in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(stop, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return None
    except TopologyMissing as error:
        return f"{error}: run `activation-worker topology` first."
    return None


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the fake PBX until SIGINT or SIGTERM, and exits with 0.

    Exits with 1 and a sentence if the broker cannot be used, with 2 for wrong arguments.
    """
    arguments = _arguments(argv)
    url = os.environ.get("AMQP_URL", DEFAULT_URL)
    if not is_amqp_url(url):
        sys.exit(f"AMQP_URL: {URL_FORM}")
    sys.exit(asyncio.run(_run(arguments, url)))


if __name__ == "__main__":
    main()
