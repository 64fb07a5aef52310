"""Tiles that are kept: bounded, the one used longest ago goes first, unpacked for those who want that."""

from __future__ import annotations

import gzip
import hashlib

from ldt.api.tiles.kept import Kept


def noise(seed: int) -> bytes:
    return hashlib.shake_256(bytes([seed])).digest(1000)


def test_what_was_used_longest_ago_goes_first() -> None:
    kept = Kept(most=3500)  # noise does not get smaller: three fit
    for i in range(3):
        assert gzip.decompress(kept.put(i, noise(i))) == noise(i)
    assert kept.get(0) is not None
    kept.put(3, noise(3))
    assert [kept.get(i) is not None for i in range(4)] == [True, False, True, True]


def test_the_same_key_counts_once() -> None:
    kept = Kept(most=2500)
    for _ in range(10):
        kept.put("a", noise(1))
    kept.put("b", noise(2))
    assert kept.get("a") is not None
    assert kept.get("b") is not None


def test_what_is_larger_than_all_is_not_kept() -> None:
    assert not Kept(most=0).keeps
    kept = Kept(most=10)
    assert kept.keeps
    assert gzip.decompress(kept.put("a", noise(1))) == noise(1)
    assert kept.get("a") is None
