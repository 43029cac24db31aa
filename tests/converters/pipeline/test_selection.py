"""Selection: what is skipped, what is refused, what is read."""

from __future__ import annotations

import pytest

from zarrpack.converters.pipeline.selection import Selection
from zarrpack.processors.archives.base import Entry


def entry(name: str, **fields: object) -> Entry:
    """Make an entry of that name."""
    return Entry(0, name.encode(), name, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selection", "name", "reason"),
    [
        (Selection(), "a/b.jpg", None),
        (Selection(), "__MACOSX/a.jpg", "platform_junk"),
        (Selection(include=("*.jpg",)), "a/b.jpg", None),
        (Selection(include=("*.jpg",)), "a/b.png", "excluded"),
        (Selection(include=("*.jpg", "*.png")), "a/b.png", None),
        (Selection(include=("*.jpg",), exclude=("a/*",)), "a/b.jpg", "excluded"),
        (Selection(exclude=("a/*",)), "b/a/c", None),
        (Selection(exclude=("[ab].txt",)), "b.txt", "excluded"),
    ],
)
def test_names_decide(selection: Selection, name: str, reason: str | None) -> None:
    """Include and exclude match whole names, and exclusion wins."""
    verdict = selection.verdict(entry(name))

    assert (verdict[:2] if verdict else None) == (("skipped", reason) if reason else None)


@pytest.mark.parametrize("kind", ["directory", "link", "special"])
def test_only_files_are_read(kind: str) -> None:
    """Directories, links and devices are skipped for what they are."""
    assert Selection().verdict(entry("a", kind=kind))[:2] == ("skipped", kind)  # type: ignore[index]


def test_a_refusal_fails_the_member_unless_it_is_left_out() -> None:
    """An encrypted member fails; one that nobody wanted is merely skipped."""
    encrypted = entry("a.jpg", refusal=("encrypted", "the member is encrypted"))

    assert Selection().verdict(encrypted) == ("failed", "encrypted", "the member is encrypted")
    assert Selection(exclude=("*.jpg",)).verdict(encrypted)[1] == "excluded"  # type: ignore[index]


def test_skipped_entries_say_what_they_are() -> None:
    """Where a link leads, and what becomes of an archive's members."""
    link = Entry(0, b"a", "a", kind="link", target="/etc/passwd\n")
    assert Selection().verdict(link) == (
        "skipped",
        "link",
        "the entry is a link to '/etc/passwd\\n', which is not followed",
    )
    opened = Selection().verdict(Entry(0, b"a.zip", "a.zip", kind="archive"))
    assert opened is not None
    assert opened[:2] == ("skipped", "archive")
