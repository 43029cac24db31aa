"""What is done to whole files to see whether their damage is told."""

from __future__ import annotations

import random

__all__ = ["KINDS", "PIECES", "Mutation", "mutated", "random_mutations"]

#: (kind, where in the file, how much of it, what is put there)
Mutation = tuple[str, float, float, bytes]

KINDS = ["write", "insert", "cut", "flip", "repeat"]
#: Numbers at their limits, signatures, and what parsers stumble over.
PIECES = [
    *(b"\xff" * size for size in (1, 2, 4, 8)),
    *(bytes(size) for size in (1, 2, 4, 8, 512)),
    *(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\x08", b"\x1f\x8b\x08", b"ustar\x0000"),
    *(b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"77777777777\0", b"-1", b"\x80" + bytes(11)),
    *(b'"', b"\n", b"\r", b"\0", b"[" * 2000, b"{", b"\\ud800", b"1e999", b"NaN", b"\xef\xbb\xbf", b"\xff\xfe"),
]


def mutated(seed: bytes, mutations: list[Mutation]) -> bytes:
    """Apply mutations in turn."""
    data = seed
    for kind, where, length, piece in mutations:
        at = round(where * len(data))
        span = round(length * min(64, len(data) - at))
        if kind == "write":
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == "insert":
            data = data[:at] + piece + data[at:]
        elif kind == "cut":
            data = data[:at] + data[at + span :]
        elif kind == "repeat":
            data = data[: at + span] + data[at:]
        elif at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << int(length * 7)]) + data[at + 1 :]
    return data


def random_mutations(chance: random.Random) -> list[Mutation]:
    """Give one to five mutations."""
    return [
        (
            chance.choice(KINDS),
            chance.random(),
            chance.random(),
            chance.choice([*PIECES, chance.randbytes(chance.randint(0, 12))]),
        )
        for _ in range(chance.randint(1, 5))
    ]
