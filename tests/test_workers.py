"""Worker processes are made beforehand exactly where they will be of use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldt import workers


@pytest.mark.parametrize(
    ("name", "size", "count", "expected"),
    [
        ("a.gml", 100, 2, True),
        ("A.XML", 100, 4, True),
        ("a.gml", 99, 2, False),
        ("a.gml", 100, 1, False),
        ("a.csv", 100, 2, False),
    ],
)
def test_they_are_expected_for_large_gml(
    name: str, size: int, count: int, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(workers, "LARGE", 100)
    monkeypatch.setattr(workers, "context", lambda: made.append(1))
    path = tmp_path / name
    path.write_bytes(b" " * size)
    assert workers.expect([tmp_path, tmp_path / "not-there.gml", path], count) is expected
    assert made == [1] * expected
