"""The sample city: a small synthetic twin, written as files in real exchange formats. See docs/sample-city.md."""

from ldt.pipeline.sample.generate import SEED, generate

__all__ = ["SEED", "generate"]
