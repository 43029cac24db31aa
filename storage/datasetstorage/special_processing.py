"""What a merge can do to the arrays of a group beyond joining their rows; here only the names."""

from __future__ import annotations

__all__ = ["MATRIX_FLATTENING", "NESTED_EDGES", "SPECIAL_PROCESSING"]

#: A file holds ``(n, n, ...)``, one row and one column per thing; merged are ``(n * n, ...)`` rows, (i, j) at i * n + j.
MATRIX_FLATTENING = "matrix_flattening"

#: A file may hold ``<group>/edges/source``; it is the array ``edges_source`` of the group.
NESTED_EDGES = "nested_edges"

#: Every name that a group may have as its ``special_processing``.
SPECIAL_PROCESSING = (MATRIX_FLATTENING, NESTED_EDGES)
