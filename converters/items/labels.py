"""Class label and subset, read from folder names."""

from __future__ import annotations

from zarrpack.converters.items.names import folder

__all__ = ["folder_label"]

_SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def folder_label(name: str) -> tuple[str | None, str | None]:
    """Give label and subset of an item, from the name of its first member.

    The subset comes from the last folder that is named like one, in any case; the folder directly above the
    member counts for that only if no other does, so that a class may be called ``test``. The label is the folder directly
    above the member, or the one above that if it gave the subset.

    Returns
    -------
    label : str or None
        None if there is no such folder.
    subset : {"train", "validation", "test"} or None
        None if no folder is named like one.

    Examples
    --------
    >>> folder_label("flowers/Train/rose/1.jpg")
    ('rose', 'train')
    >>> folder_label("rose/val/1.jpg")
    ('rose', 'validation')
    >>> folder_label("train/test/1.jpg")
    ('test', 'train')
    >>> folder_label("1.jpg")
    (None, None)
    """
    folders = [segment for segment in folder(name).split("/") if segment not in ("", ".")]
    # The class folder is asked last: a class may be called "test".
    for at in [*range(len(folders) - 2, -1, -1), len(folders) - 1]:
        if at >= 0 and folders[at].lower() in _SUBSETS:
            subset = _SUBSETS[folders.pop(at).lower()]
            return (folders[-1] if folders else None), subset
    return (folders[-1] if folders else None), None
