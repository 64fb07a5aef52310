"""Coverages: what there is, the cells as files, and pictures of them."""
