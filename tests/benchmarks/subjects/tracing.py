"""Measures what tracing costs: the worker without it, with it, and with one of twenty commands.

A collector on this machine takes the spans, reads nothing of them, and uses some of its processor.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

from activation_contracts.values import Operation
from typing_extensions import override

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.data.workload import plan_commands
from tests.benchmarks.reporting.figures import Figure
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.implementations import Implementation, traced_worker, worker
from tests.benchmarks.running.queue_run import Run, run_full_queue

SUBJECT = "tracing"
TEMPLATE = "tracing"
SAMPLED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.05"}


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Runs the three in turn; ratios are taken within a round, and their median."""
    dataset = Dataset(plain=size.commands * 2, in_full_use=1)
    await bench.template(TEMPLATE, partial(build, dataset=dataset))
    commands = plan_commands(Operation.ACTIVATE, dataset, size.commands, bench.seed)
    runs: dict[str, list[Run]] = defaultdict(list)
    with _collector() as endpoint:
        for _ in range(size.rounds):
            for implementation in _implementations(endpoint):
                async with bench.fresh_database(TEMPLATE) as endpoints:
                    run = await run_full_queue(bench, endpoints, implementation, commands)
                bench.log(f"{implementation.name}: {run.commands_a_second:,.0f}/s")
                runs[implementation.name].append(run)
    return [*_rates(runs), *_ratios(runs)]


def _implementations(endpoint: str) -> list[Implementation]:
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    return [
        worker(),
        traced_worker("every command traced", **where),
        traced_worker("one of twenty traced", **where, **SAMPLED),
    ]


def _rates(runs: dict[str, list[Run]]) -> Iterator[Figure]:
    for name, of_one in runs.items():
        rate = median(run.commands_a_second for run in of_one)
        cost = median(run.milliseconds_of(run.costs.implementation) for run in of_one)
        note = f"{cost:.2f} ms of processor of the worker"
        yield Figure(SUBJECT, name, rate, "commands/s", note=note)


def _ratios(runs: dict[str, list[Run]]) -> Iterator[Figure]:
    untraced, *traced = runs.values()
    for name, of_one in zip([*runs][1:], traced, strict=True):
        pairs = zip(of_one, untraced, strict=True)
        value = median(one.commands_a_second / other.commands_a_second for one, other in pairs)
        yield Figure(SUBJECT, f"{name} / worker", value, "times")


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Keeps the output of the benchmark free of requests."""


@contextmanager
def _collector() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
