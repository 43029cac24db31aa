"""Where items lie: stable, safe, and never too many in one group."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.hdf5.item_paths import MOST_SIBLINGS, Origin, item_paths


def test_full_folders_are_spread() -> None:
    """Of 20,000 members in a folder no group holds more than a few hundred, and a path does not depend on the order."""
    names = [f"p/{n}.jpg" for n in range(20_000)]
    paths = item_paths({code: Origin("a", name) for code, name in enumerate(names)})
    reverse = item_paths({code: Origin("a", name) for code, name in enumerate(reversed(names))})

    assert max(Counter(path.rpartition("/")[0] for path in paths.values()).values()) < MOST_SIBLINGS
    assert sorted(paths.values()) == sorted(reverse.values())
    assert paths[5] == reverse[len(names) - 6]


def test_several_archives_have_a_folder_each() -> None:
    """Members of one name in two archives do not meet."""
    assert item_paths({0: Origin("a.zip", "1"), 1: Origin("b.zip", "1")}) == {0: "/a.zip/1", 1: "/b.zip/1"}


@given(st.lists(st.text(st.sampled_from("a./%\0\\é"), max_size=6), max_size=12))
def test_any_names(names: list[str]) -> None:
    """Paths are unique, none is another's folder, and none has what HDF5 gives a meaning to."""
    paths = item_paths({code: Origin("a", name) for code, name in enumerate(names)}, ("a",))
    found = list(paths.values())

    assert len(set(found)) == len(names)
    for path in found:
        assert path.startswith("/")
        assert not set(path[1:].split("/")) & {"", ".", "..", "a"} or path[1:].split("/")[0] != "a"
        assert all(part not in ("", ".") for part in path[1:].split("/"))
        assert "\0" not in path
        assert not any(other.startswith(f"{path}/") for other in found)
