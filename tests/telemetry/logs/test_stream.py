"""The log's stream: full, closed, without a reader, or with one that does not read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import pytest

from worker.telemetry.logs import stream as module
from worker.telemetry.logs.stream import LogStream
from worker.telemetry.process_counters import LINES_LOST


def lost() -> float:
    """The number of lines that were lost in this process."""
    (family,) = LINES_LOST.collect()
    return next(sample.value for sample in family.samples if sample.name.endswith("_total"))


class Pipe(NamedTuple):
    """A pipe: the stream that the worker writes, and the descriptor that the reader reads."""

    written: TextIO
    read: int


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe whose reader is there and does not read by itself."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as written:
        yield Pipe(written, read)
    os.close(read)


def fill(pipe: Pipe) -> None:
    """Writes until the pipe takes no more."""
    os.set_blocking(pipe.written.fileno(), False)
    try:
        while True:
            os.write(pipe.written.fileno(), b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(pipe.written.fileno(), True)


def test_log_stream_writes_lines_of_any_length(pipe: Pipe) -> None:
    line = "é" * 10_000 + "\n"
    LogStream(pipe.written).write(line)

    assert os.read(pipe.read, 1 << 16).decode() == line


def test_log_stream_counts_lines_that_a_full_disk_does_not_take() -> None:
    before = lost()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        stream = LogStream(full)
        stream.write("first\n")
        stream.write("second\n")

    assert lost() - before == 2


def test_log_stream_counts_lines_without_a_reader() -> None:
    before = lost()
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as written:
        LogStream(written).write("line\n")

    assert lost() - before == 1


def test_log_stream_waits_once_for_a_reader_that_does_not_read(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lost()
    stream = LogStream(pipe.written)
    fill(pipe)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    stream.write("lost\n")
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 3600)
    stream.write("lost without waiting\n")
    os.read(pipe.read, 1 << 20)
    stream.write("written\n")

    assert lost() - before == 2
    assert os.read(pipe.read, 1 << 20) == b"written\n"


def test_log_stream_ends_a_torn_line_before_the_next(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    stream = LogStream(pipe.written)
    stream.write("x" * (1 << 20))
    os.read(pipe.read, 1 << 20)
    stream.write("whole\n")

    assert os.read(pipe.read, 1 << 20) == b"\nwhole\n"
