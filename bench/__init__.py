"""Benchmarks: each measures LDT against the physical limit on the same machine in the same run. `make bench`."""
