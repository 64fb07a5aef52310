"""Files with random damage: each gives data or one clear error, never a traceback, a crash or an endless wait.

`FUZZ_SEED` and `FUZZ_SECONDS` (for each kind) repeat and lengthen a run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.soak.damage import KINDS, damaged

pytestmark = pytest.mark.soak

PROJECT = Path(__file__).parents[2]
#: How many records of the sound file are accepted.
SOUND = {"gml": 20, "geopackage": 60, "csv": 60, "json": 28, "parquet": 400}


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(kind: str) -> None:
    seed = os.environ.get("FUZZ_SEED", "37105")
    seconds = float(os.environ.get("FUZZ_SECONDS", "12"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.damage", kind, seed, str(seconds)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 60,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{kind}, seed {lines[-1:]}: {done.returncode}\n{done.stderr[-2000:]}"
    assert lines[0] == f"sound {SOUND[kind]}"
    outcomes = Counter(line.split()[1] for line in lines[1:])
    assert outcomes.total() > 20 * seconds / 12
    # Damage that no file feels, or that every file dies of, would prove nothing.
    assert outcomes["data"] > 0
    assert outcomes.total() > outcomes["data"]


def test_damage_is_the_same_for_the_same_seed() -> None:
    content = bytes(range(256)) * 20
    first = [damaged(content, random.Random(seed)) for seed in range(50)]  # noqa: S311
    assert first == [damaged(content, random.Random(seed)) for seed in range(50)]  # noqa: S311
    assert sum(f != content for f in first) > 40
