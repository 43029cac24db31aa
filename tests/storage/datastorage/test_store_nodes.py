"""True names and safe names find each other, and documents by others cannot confuse them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.datastorage.store_nodes import (
    ArrayNode,
    GroupNode,
    build_nodes,
    dimension_names,
    find_node,
    parent_group,
    safe_name,
)

NAMES = st.text("aAä.-_ 0", min_size=1, max_size=5) | st.sampled_from(
    ["file_id", "a_dim_0", "b_dim_0_", "b", "x_offsets", "metadata.json", "y" * 200, "Y" * 200]
)


@settings(deadline=None)
@given(st.lists(NAMES.filter(lambda name: name not in (".", "..")), unique=True, max_size=8))
def test_members_and_dimensions_have_names_of_their_own(names: list[str]) -> None:
    """In whatever order arrays come, no two names of members or axes are equal, case aside, and each is safe."""
    group = GroupNode("g")
    for name in names:
        safe = safe_name(group, name)
        dims = dimension_names(group, name, f"g/{safe}", 2)
        group.members[name] = ArrayNode(f"g/{safe}", {}, {"_ARRAY_DIMENSIONS": list(dims)})
    given_names = [node.path.removeprefix("g/") for node in group.members.values()]
    given_names += [dim for node in group.members.values() if isinstance(node, ArrayNode) for dim in node.dimensions]

    assert len({name.lower() for name in given_names}) == 3 * len(names)
    assert all(name.isascii() and name[0] not in ".-" and "/" not in name and len(name) < 90 for name in given_names)
    for name in names:
        assert f"g/{safe_name(group, name)}" == group.members[name].path


@pytest.mark.parametrize("names", [["b_dim_0", "b"], ["b", "b_dim_0"], ["B_dim_1", "b"], ["b_dim_0", "b_dim__0", "b"]])
def test_arrays_called_like_an_axis(names: list[str]) -> None:
    """An array that is called as another one's axis would be, keeps its name if it is first; then the axis gets another."""
    group = GroupNode("")
    for name in names:
        safe = safe_name(group, name)
        dims = dimension_names(group, name, safe, 2)
        group.members[name] = ArrayNode(safe, {}, {"_ARRAY_DIMENSIONS": list(dims)})
    arrays = {node.path.lower() for node in group.members.values()}
    axes = {dim.lower() for node in group.members.values() if isinstance(node, ArrayNode) for dim in node.dimensions}

    assert group.members[names[0]].path == names[0]
    assert len(arrays | axes) == 3 * len(names)


def test_ordinary_names_stay() -> None:
    """A name that is safe is the name; axes are called after the whole key."""
    group = GroupNode("faceface")

    assert safe_name(group, "a3_distance") == "a3_distance"
    assert dimension_names(group, "a3_distance", "faceface/a3_distance", 2) == (
        "faceface_a3_distance_dim_0",
        "faceface_a3_distance_dim_1",
    )
    assert dimension_names(GroupNode(""), "face_areas", "face_areas", 1) == ("face_areas_dim_0",)
    assert dimension_names(group, "n", "faceface/n", 0) == ()


def test_true_names_are_ours_alone() -> None:
    """The attribute `name` is a true name in what zarrpack has written, and nothing in what others have."""
    documents: dict[str, dict[str, Any]] = {"a/.zarray": {}, "a/.zattrs": {"name": "größe"}, ".zgroup": {}}

    assert list(build_nodes(documents).members) == ["a"]
    assert list(build_nodes({**documents, ".zattrs": {"zarrpack": {}}}).members) == ["größe"]


@pytest.mark.parametrize("name", ["x/y", "", "..", 7, None, ["b"]])
def test_true_names_that_are_no_keys_are_left(name: object) -> None:
    """What could not be asked for by its true name keeps the safe one."""
    documents: dict[str, dict[str, Any]] = {".zattrs": {"zarrpack": {}}, "a/.zarray": {}, "a/.zattrs": {"name": name}}

    assert list(build_nodes(documents).members) == ["a"]


def test_of_equal_true_names_the_second_keeps_its_safe_one() -> None:
    """Two arrays that claim one name are both there."""
    documents: dict[str, dict[str, Any]] = {".zattrs": {"zarrpack": {}}}
    for path in "ab":
        documents |= {f"{path}/.zarray": {}, f"{path}/.zattrs": {"name": "x"}}

    assert list(build_nodes(documents).members) == ["x", "b"]


def test_groups_need_no_documents() -> None:
    """Groups are there by what is in them, in whatever order the documents come."""
    documents: dict[str, dict[str, Any]] = {"a/b/c/.zarray": {}, "a/.zgroup": {}, "a/b/.zattrs": {}, "d/.zgroup": {}}
    root = build_nodes(documents)

    assert find_node(root, ("a", "b", "c")).path == "a/b/c"
    assert list(root.members) == ["a", "d"]
    assert parent_group(root, ("a", "b", "x", "y"))[1] == 2
    with pytest.raises(KeyError, match="a/b/c/d"):
        find_node(root, ("a", "b", "c", "d"))
    with pytest.raises(ValueError, match="expected a group at a/b/c"):
        parent_group(root, ("a", "b", "c", "d"))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.lists(st.sampled_from(["a", "b", "", "..", ".zarray", ".zgroup", ".zattrs"]), max_size=5).map("/".join),
        st.fixed_dictionaries({}, optional={"name": st.sampled_from(["a", "b", "", 1]), "zarrpack": st.just({})}),
    )
)
def test_any_documents_make_a_tree_or_raise(documents: dict[str, dict[str, Any]]) -> None:
    """Documents with any names make a tree in which every node is where it says, or ValueError is raised."""
    try:
        waiting: list[Any] = [build_nodes(documents)]
    except ValueError as error:
        assert "expected" in str(error)  # noqa: PT017
        return

    while waiting:
        node = waiting.pop()
        if isinstance(node, GroupNode):
            assert all(member.path.rpartition("/")[0] == node.path for member in node.members.values())
            waiting += node.members.values()
        else:
            assert f"{node.path}/.zarray" in documents


def test_nesting_has_an_end() -> None:
    """A name of thousands of groups is refused, not followed until the interpreter gives up."""
    with pytest.raises(ValueError, match="at most 100"):
        build_nodes({"a/" * 5000 + ".zgroup": {}})
