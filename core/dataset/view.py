"""A view of some items of a dataset: what a training loop reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.item_arrays import ItemArrays, Pictures, Rows
from zarrpack.errors import UsageError

if TYPE_CHECKING:
    from zarrpack.dataset.loaded_items import LoadedItems
    from zarrpack.dataset.torch_dataset import TorchCADDataset
    from zarrpack.dataset.torch_stream import TorchStream

__all__ = ["CADDataset", "DatasetView", "ItemLoader"]

Int64s = npt.NDArray[np.int64]
#: (graph_file, label_file, data_id) -> an item.
ItemLoader: TypeAlias = Callable[[Any, Any, int], Any]


class DatasetView:
    """Items of a dataset by position or by name.

    Safe in threads, after a fork, and pickled: a copy opens the file for itself and parses nothing again.

    Parameters
    ----------
    parent_dataset : DatasetLoader
        Where the items come from.
    indices : sequence of int
        Which: positions in the parent.
    arrays : ItemArrays, optional
        Which arrays, if not the parent's.

    Raises
    ------
    IndexError
        If the parent has no such position.

    Examples
    --------
    >>> import numpy as np
    >>> from zarrpack.storage import DatasetMerger, OptStorage
    >>> with OptStorage("part.zarr") as storage:
    ...     storage.save_data("face_areas", np.array([1.5, 2.5], np.float32))
    ...     _ = storage.compress_store()
    >>> _ = DatasetMerger(["part.zarr.data"], "parts.dataset").merge_data()
    >>> view = DatasetView.open("parts.dataset")
    >>> view[0]
    {'id': 0, 'name': '0', 'faces/face_areas': array([1.5, 2.5], dtype=float32)}
    """

    def __init__(
        self, parent_dataset: LoadedItems, indices: Sequence[int] | Int64s, arrays: ItemArrays | None = None
    ) -> None:
        self._parent = parent_dataset
        self._arrays = arrays
        self._codes: Int64s = parent_dataset.codes_at(indices)
        parent_dataset.watch(self)

    @classmethod
    def open(cls, path: str | os.PathLike[str], infoset: str | os.PathLike[str] | None = None) -> DatasetView:
        """View all items of a file.

        Parameters
        ----------
        path : path-like
            A ``.dataset``, ``.data`` or ``.flow``.
        infoset : path-like, optional
            Its infoset; the one beside it, if there is one, if nothing is said.
        """
        from zarrpack.dataset.flow_paths import paths_beside
        from zarrpack.dataset.loader import DatasetLoader

        paths = paths_beside(path)
        table = paths.infoset if infoset is None else Path(infoset)
        loader = DatasetLoader(paths.dataset, table)
        return loader.all_items()

    def __len__(self) -> int:
        return len(self._codes)

    def __iter__(self) -> Iterator[Any]:
        return map(self.get_item, range(len(self)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} items>"

    def __getitem__(self, index: int | str) -> Any:
        return self.get_item(index)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Give several items at once, read in the order in which they lie in the file; PyTorch's loader asks so."""
        order = sorted(range(len(indices)), key=lambda number: self._code(indices[number]))
        items: list[Any] = [None] * len(indices)
        for number in order:
            items[number] = self.get_item(indices[number])
        return items

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._parent.watch(self)

    @property
    def parent_dataset(self) -> LoadedItems:
        """The loader that the items come from."""
        return self._parent

    @property
    def indices(self) -> list[int]:
        """Positions of the items in the parent."""
        positions: list[int] = self._parent.positions_of(self._codes).tolist()
        return positions

    @property
    def names(self) -> list[str]:
        """The items' names."""
        return self._parent.names_of(self._codes)

    @property
    def arrays(self) -> tuple[str, ...]:
        """The arrays that an item may have, as they are stored; none where there is no dataset."""
        chosen = self._chosen()
        return () if chosen is None else chosen.names

    @property
    def data_files(self) -> list[Any]:
        """What `get_raw_data` gives first, for every item."""
        return [self._parent.raw_data(int(code))[0] for code in self._codes]

    @property
    def label_datas(self) -> list[Any]:
        """What `get_raw_data` gives second, for every item."""
        return [self._parent.raw_data(int(code))[1] for code in self._codes]

    def get_file_codes(self) -> Int64s:
        """Give the items' codes, in their order here; a copy."""
        return self._codes.copy()

    def get_item(self, index: int | str) -> Any:
        """Read one item.

        Parameters
        ----------
        index : int or str
            Position in this view, negative from its end; or the item's name.

        Returns
        -------
        dict
            ``{"id": int, "name": str, "<group>/<array>": ndarray}``, with the arrays that the item has, owned by the caller. What the
            parent's ``item_loader_func`` gives, if there is one; without a dataset, what `get_raw_data` gives.

        Raises
        ------
        IndexError
            If the view has no such position.
        KeyError
            If the view has no item of that name.
        FileNotFoundError
            If the item is in a file of its own that is gone.
        """
        code = self._code(index)
        if self._parent.item_loader_func is not None or (chosen := self._chosen()) is None:
            return self._parent.custom_item(code)
        return {"id": code, "name": self._parent.name_of(code), **chosen.load(code)}

    def get_raw_data(self, index: int | str) -> tuple[Any, Any, int]:
        """Give (graph_file, label_file, data_id) of an item, without reading anything.

        Parameters
        ----------
        index : int or str
            As in `get_item`.

        Returns
        -------
        tuple of (str or None, object, int)
            The item's own file (of a dataset: its description), its label or None, and its code.

        Raises
        ------
        IndexError, KeyError
            As in `get_item`.
        """
        return self._parent.raw_data(self._code(index))

    def source_bytes(self, index: int | str, array: str | None = None, row: int = 0) -> bytes:
        """Read the bytes that a picture or another file had in the archive, with one system call.

        Parameters
        ----------
        index : int or str
            As in `get_item`.
        array : str, optional
            An array of bytes or strings, such as ``"images/encoded"`` or ``"records/text"``; the pictures' if nothing is said.
        row : int
            Which of the item's rows.

        Raises
        ------
        UsageError
            If the dataset does not have the sources' bytes.
        NotFound
            If the item has no such row.
        """
        chosen = self._chosen()
        name = array or self._source_name
        if chosen is None or name is None:
            raise UsageError(
                "expected a dataset with the sources' own bytes, found none; convert with --images encoded"
            )
        return chosen.reader.item_bytes(name, self._code(index), row)

    def shapes(self, array: str) -> list[tuple[int, ...] | None]:
        """Tell the shape that an array has in each item, without reading its values.

        Parameters
        ----------
        array : str
            ``"group/array"``; ``"<group>/pixels"`` also where pictures are decoded from the sources' bytes.

        Returns
        -------
        list of tuple or None
            Per item its shape, as `get_item` gives it (of several things of different shapes, that of the first); None if it has
            no such rows.

        Raises
        ------
        UsageError
            If there is no dataset.
        NotFound
            If the dataset has no such array.
        """
        chosen = self._chosen()
        if chosen is None:
            raise UsageError("expected a dataset with arrays, found none")
        return [chosen.shape(array, code) for code in self._codes.tolist()]

    def select(self, *names: str, pictures: Pictures = "stored", rows: Rows | None = None) -> DatasetView:
        """Give a view of the same items with other arrays.

        Parameters
        ----------
        *names : str
            ``"group/array"``, or ``"group"`` for all its arrays; all that this view has if nothing is said.
        pictures : {"stored", "decoded", "encoded"}
            ``"decoded"``: pixels, decoded from the source's bytes where there are none stored; ``"encoded"``: the source's own
            bytes.
        rows : {"all", "first"}, optional
            ``"first"``: each array is its first row, without the axis of rows.

        Raises
        ------
        UsageError
            If there is no dataset, or it does not have what is asked for.
        NotFound
            If the dataset has no such array.
        """
        chosen = self._chosen()
        if chosen is None:
            raise UsageError("expected a dataset to select arrays of, found none")
        return DatasetView(self._parent, self.indices, chosen.choose(names or None, pictures, rows))

    def subset(self, indices: Iterable[int]) -> DatasetView:
        """Give a view of some of these items.

        Parameters
        ----------
        indices : iterable of int
            Positions in this view.

        Raises
        ------
        IndexError
            If the view has no such position.
        """
        codes = np.array([self._code(index) for index in indices], np.int64)
        return DatasetView(self._parent, self._parent.positions_of(codes), self._arrays)

    def having(self, array: str) -> DatasetView:
        """Give a view of those of these items that have rows of an array.

        Parameters
        ----------
        array : str
            ``"group/array"``.

        Raises
        ------
        UsageError
            If there is no dataset.
        NotFound
            If the dataset has no such array.
        """
        return self.subset([position for position, shape in enumerate(self.shapes(array)) if shape is not None])

    def set_item_loader_func(self, item_loader_func: ItemLoader | None) -> None:
        """Let a function make the items, of the parent and so of all its views.

        Parameters
        ----------
        item_loader_func : callable or None
            Gets (graph_file, label_file, data_id).
        """
        self._parent.item_loader_func = item_loader_func

    def remove_indices(self, local_indices: Iterable[int]) -> dict[int, int]:
        """Remove items from this view, from the parent and so from all its views.

        Parameters
        ----------
        local_indices : iterable of int
            Positions in this view; repeated ones count once.

        Returns
        -------
        dict of int to int
            Old position in the parent -> new one, of the items that are left.

        Raises
        ------
        IndexError
            If the view has no such position; then nothing is removed.
        """
        codes = np.array([self._code(index) for index in local_indices], np.int64)
        return self._parent.remove_indices(self._parent.positions_of(codes).tolist())

    def forget(self, codes: Int64s) -> None:
        """Leave items out; the parent calls it when it removes them.

        Parameters
        ----------
        codes : ndarray of int64
            The items' codes.
        """
        self._codes = self._codes[~np.isin(self._codes, codes)]

    def in_file_order(self) -> DatasetView:
        """Give a view of the same items in the order in which they lie in the file, for reading them all."""
        chosen = self._chosen()
        if chosen is None or not chosen.names:
            return self.subset(range(len(self)))
        # The array with most bytes decides.
        name = max(chosen.names, key=lambda one: int(chosen.reader.index.arrays[one].sizes.sum()))
        places = [chosen.reader.place(name, code) for code in self._codes.tolist()]
        return self.subset(np.argsort(np.array(places, np.int64), kind="stable").tolist())

    def batches(
        self,
        batch_size: int = 64,
        *,
        seed: int | None = None,
        epoch: int = 0,
        threads: int = 2,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> Iterator[Any]:
        """Read batches in threads, ahead of whoever uses them.

        Decoding releases the interpreter, so that threads decode at the same time, and pixels need not travel between processes.

        Parameters
        ----------
        batch_size : int
            Items in a batch.
        seed : int, optional
            Shuffles; in order if nothing is said.
        epoch : int
            Another one has another order.
        threads : int
            How many read.
        batch_sampler : iterable of sequence of int, optional
            Positions of each batch, such as a `ShapeBucketSampler`, in place of size, seed and epoch.
        collate_fn : callable, optional
            Makes a batch of items; `zarrpack.dataset.collate_items` if nothing is said.

        Raises
        ------
        ValueError
            If a batch has no items, or there is no thread.
        """
        from zarrpack.dataset.item_batches import collate_items
        from zarrpack.dataset.threaded_batches import batch_positions, threaded_batches

        batches = batch_positions(len(self), batch_size, seed, epoch) if batch_sampler is None else batch_sampler
        return threaded_batches(self.get_item, batches, collate_fn or collate_items, threads)

    def to_torch(self, collate_fn: Callable[[list[Any]], Any] | None = None) -> TorchCADDataset:
        """Give a PyTorch dataset of the items, whose arrays are tensors.

        Parameters
        ----------
        collate_fn : callable, optional
            Makes a batch of items, in `TorchCADDataset.get_dataloader`; `zarrpack.dataset.collate_items` if nothing is said.

        Raises
        ------
        ImportError
            If PyTorch is not installed; the message names the extra.
        """
        from zarrpack.dataset.optional_libraries import require

        require("torch")
        from zarrpack.dataset.torch_dataset import TorchCADDataset

        return TorchCADDataset(self, collate_fn)

    def to_torch_stream(self, seed: int | None = None, block: int = 256) -> TorchStream:
        """Give a PyTorch iterable dataset of the items for sequential epochs.

        Parameters
        ----------
        seed : int, optional
            Shuffles blocks, and the items in each; without it items come as they lie in the file.
        block : int
            Items that lie together and are shuffled together.

        Raises
        ------
        ImportError
            If PyTorch is not installed; the message names the extra.
        """
        from zarrpack.dataset.optional_libraries import require

        require("torch")
        from zarrpack.dataset.torch_stream import TorchStream

        return TorchStream(self, seed, block)

    @cached_property
    def _source_name(self) -> str | None:
        chosen = self._chosen()
        return None if chosen is None else chosen.source_name()

    def _chosen(self) -> ItemArrays | None:
        return self._arrays or self._parent.item_arrays

    def _code(self, index: int | str) -> int:
        if isinstance(index, str):
            code = self._parent.code_of(index)
            if code is None or not (self._codes == code).any():
                raise KeyError(f"expected the name of one of {len(self)} items, found {index!r}")
            return code
        if not -len(self._codes) <= index < len(self._codes):
            raise IndexError(f"expected a position among {len(self)} items, found {index}")
        return int(self._codes[index])


#: The name that the reference gives it.
CADDataset = DatasetView
