"""Where the processes of a run come from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, os, sys, threading

def tell(sender):
    sender.send({
        "modules": [name for name in ("csv", "zarrpack.converters.pipeline.worker") if name in sys.modules],
        "threads": threading.active_count(), "parent": os.getppid(),
    })

if __name__ == "__main__":
    import csv
    from zarrpack.converters.pipeline.process_start import prepare_processes, process_context

    prepare_processes()
    prepare_processes()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    told = []
    for _ in range(2):
        receiver, sender = process_context().Pipe(duplex=False)
        process = process_context().Process(target=tell, args=(sender,))
        process.start()
        told.append(receiver.recv())
        process.join()
    print(json.dumps([os.getpid(), told]))
"""


def test_processes_are_no_copies_of_the_caller(tmp_path: Path) -> None:
    """Neither the caller's modules nor its threads are there, but what workers need is; one server starts them all."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)

    caller, told = json.loads(done.stdout)
    assert "csv" not in told[0]["modules"]
    assert [one["threads"] for one in told] == [1, 1]
    assert told[0]["parent"] == told[1]["parent"]
    if sys.platform == "linux":
        assert told[0]["modules"] == ["zarrpack.converters.pipeline.worker"]
        assert told[0]["parent"] != caller
    assert done.stderr == ""
