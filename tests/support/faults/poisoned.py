"""Runs the worker's command and kills the process when it reads a body that contains the marker.

`poisoned MARKER COMMAND...` simulates a message that crashes a library or exhausts memory.
"""

import os
import signal
import sys
from typing import Any

from worker.consuming import batch_reader

if __name__ == "__main__":
    marker = sys.argv[1].encode()
    read = batch_reader.read  # type: ignore[attr-defined]

    def deadly(body: bytes, *arguments: Any, **properties: Any) -> Any:
        if marker in body:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(body, *arguments, **properties)

    batch_reader.read = deadly  # type: ignore[attr-defined]
    sys.argv[1:2] = []
    from worker.cli import main

    main()
