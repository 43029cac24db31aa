"""The planned merge of packs and stores into one dataset."""

from __future__ import annotations

from zarrpack.storage.merge.merge import MergeReport, merge_arrays

__all__ = ["MergeReport", "merge_arrays"]
