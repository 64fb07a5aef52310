"""A closed loop of requests, by `wrk` (tools/install-wrk.sh): requests per second and how long one took."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Each thread of wrk runs its own copy; one thread is enough to keep two cores busy. What is asked for goes round.
_SCRIPT = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local at = 0
request = function()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of requests came to.

    Attributes:
        rate: answers per second.
        p50, p99: milliseconds that half, and 99 of 100, took at most.
        requests: how many were answered.
        seconds: how long it ran.
        errors: answers that were not 200, connections that failed.
    """

    rate: float
    p50: float
    p99: float
    requests: int
    seconds: float
    errors: int


def load(base: str, paths: Sequence[str], connections: int, seconds: int) -> Load:
    """Ask for paths below an address, in turn, on so many connections; each asks again as soon as it has its answer.

    Raises:
        RuntimeError: `wrk` is not there, or failed.
    """
    program = shutil.which("wrk")
    if program is None:
        raise RuntimeError("wrk is not installed: run tools/install-wrk.sh")
    with tempfile.TemporaryDirectory(prefix="ldt-wrk-") as folder:
        listed, script = Path(folder, "paths"), Path(folder, "script.lua")
        listed.write_text("\n".join(paths), "utf-8")
        script.write_text(_SCRIPT % listed, "utf-8")
        done = subprocess.run(
            [
                program,
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--timeout",
                "30s",
                "-s",
                str(script),
                base,
            ],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=False,
        )
    found = re.search(r"^RESULT (.+)$", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    requests, micros, _, p50, p99, status, other = map(int, found[1].split())
    return Load(requests / (micros / 1e6), p50 / 1e3, p99 / 1e3, requests, micros / 1e6, status + other)
