"""Lines that could not be stored as what they are."""

from __future__ import annotations

from zarrpack.processors.rejects import Rejects, named_lines


def test_lines_come_back_once() -> None:
    """In their order, with number, reason and content; after that there are none."""
    rejects = Rejects()
    assert list(rejects.blocks()) == []
    rejects.add(2, "invalid_json", "{")
    rejects.add(1 << 40, "invalid_text", "x" * 100_000)
    blocks = {block.array: list(block.rows) for block in rejects.blocks()}

    assert blocks["line"] == [2, 1 << 40]
    assert blocks["reason"] == ["invalid_json", "invalid_text"]
    assert list(map(len, blocks["content"])) == [1, 1 << 16]
    assert list(rejects.blocks()) == []


def test_blocks_are_bounded() -> None:
    """In lines, and in characters where lines are long."""
    for count, text in ((8192, "x"), (128, "x" * (1 << 16))):
        rejects = Rejects()
        for number in range(count - 1):
            rejects.add(number, "invalid_json", text)
        states = [rejects.is_full]
        rejects.add(count, "invalid_json", text)
        states.append(rejects.is_full)

        assert len(list(rejects.blocks())) == 3
        assert [*states, rejects.is_full] == [False, True, False]


def test_notes_name_the_first_lines() -> None:
    """Up to five, and say whether there are more."""
    assert named_lines("bad", 0, []) == ()
    assert named_lines("bad", 2, [3, 9]) == ("bad:2 (lines 3,9)",)
    assert named_lines("bad", 90, [1, 2, 3, 4, 5, 6]) == ("bad:90 (lines 1,2,3,4,5,...)",)
