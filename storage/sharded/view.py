"""Samples by position, for training loops: what to read is chosen by SQL, and travels to worker processes."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import UsageError
from zarrpack.storage.sharded.raw_samples import sample_values
from zarrpack.storage.sharded.reader import Sample, ShardedDatasetReader

if TYPE_CHECKING:
    from zarrpack.storage.sharded.torch_samples import TorchSamples

__all__ = ["SampleView"]

Int64s = npt.NDArray[np.int64]

_KEYS = ("id", "name", "metadata")


class SampleView:
    """Some samples of a store, by position. Safe in threads, after a fork, and pickled: a copy opens the store for itself.

    It keeps the samples' numbers, eight bytes each, so that a view of millions is cheap to send to a worker. Samples
    that are added later are not in it.

    Parameters
    ----------
    root : path
        The store.
    fields : sequence of str, optional
        Only these; all if not given.
    where_clause : str, optional
        Which samples; as `ShardedDatasetReader.query_ids`.
    params : sequence or mapping
        Values of its placeholders.
    where : mapping, optional
        Conditions on metadata instead.
    transform : callable, optional
        Gets an item, gives what is to be used instead; importable by name if the view is to be pickled.

    Raises
    ------
    UsageError
        If a condition is none, or a field is called like a key of an item.

    Examples
    --------
    >>> from zarrpack.storage.sharded.writer import ShardedDatasetWriter
    >>> with ShardedDatasetWriter("store") as writer:
    ...     writer.add_field("history")
    ...     for length in (1, 2, 3):
    ...         _ = writer.add_sample({"history": [0] * length}, metadata={"length": length})
    >>> view = SampleView("store", where={"length": (">", 1)})
    >>> len(view), view[0]["name"], view[-1]["history"].tolist()
    (2, 'sample_000000000002', [0, 0, 0])
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        fields: Sequence[str] | None = None,
        *,
        where_clause: str | None = None,
        params: Sequence[Any] | Mapping[str, Any] = (),
        where: Mapping[str, Any] | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self.reader = ShardedDatasetReader(root)
        self.fields = None if fields is None else tuple(fields)
        self.transform = transform
        taken = sorted(set(_KEYS) & set(self.reader.list_fields() if fields is None else fields))
        if taken:
            raise UsageError(f"{root}: expected fields that are not called {taken}; choose others with `fields`")
        self.numbers: Int64s = np.array(self.reader.query_numbers(where_clause, params, where=where), np.int64)

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        return f"<SampleView of {len(self)} samples of {str(self.reader.root)!r}>"

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, index: int) -> Any:
        """Read one sample.

        Parameters
        ----------
        index : int
            Its position, negative from the end.

        Returns
        -------
        dict
            ``{"id": int, "name": str, "<field>": ndarray, ..., "metadata": dict}``, or what `transform` makes of it.

        Raises
        ------
        IndexError
            If there is no such position.
        """
        number = self._number(index)
        return self._item(number, *self.reader.get_numbered(number, self.fields))

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Read several samples at once, in the order in which they lie on disk; PyTorch's loader asks so."""
        numbers = [self._number(index) for index in indices]
        found = self.reader.get_many_numbered(numbers, self.fields)
        return [self._item(number, *one) for number, one in zip(numbers, found, strict=True)]

    @property
    def names(self) -> list[str]:
        """The samples' ids, in the view's order."""
        order = np.argsort(self.numbers, kind="stable")
        found = dict(sample_values(self.reader, "id"))
        names = [""] * len(self)
        for place in order.tolist():
            names[place] = found[int(self.numbers[place])]
        return names

    def subset(self, indices: Sequence[int] | Int64s) -> SampleView:
        """Give a view of some of these samples.

        Parameters
        ----------
        indices : sequence of int
            Positions in this view.

        Raises
        ------
        IndexError
            If there is no such position.
        """
        other = copy.copy(self)
        other.numbers = np.array([self._number(index) for index in indices], np.int64)
        return other

    def split(self, parts: Mapping[str, str | Mapping[str, Any]]) -> dict[str, SampleView]:
        """Split the view by conditions.

        Parameters
        ----------
        parts : mapping of str to str or mapping
            Name -> SQL, or conditions on metadata, as `ShardedDatasetReader.query_ids` takes them.

        Returns
        -------
        dict of str to SampleView
            Samples that fulfil none are in none.

        Raises
        ------
        UsageError
            If a sample would be in two parts.
        """
        views: dict[str, SampleView] = {}
        seen = np.zeros(len(self), bool)
        for name, condition in parts.items():
            is_text = isinstance(condition, str)
            numbers = self.reader.query_numbers(condition) if is_text else self.reader.query_numbers(where=condition)  # type: ignore[arg-type]
            chosen = np.isin(self.numbers, np.array(numbers, np.int64))
            if (chosen & seen).any():
                raise UsageError(
                    f"split: expected parts that share no sample, found {(chosen & seen).sum()} twice in {name!r}"
                )
            seen |= chosen
            views[name] = self.subset(np.flatnonzero(chosen))
        return views

    def random_split(
        self, fractions: Mapping[str, float], *, group: str | None = None, seed: int = 0
    ) -> dict[str, SampleView]:
        """Split the view at random, so that a sample keeps its part when others are added.

        Parameters
        ----------
        fractions : mapping of str to float
            Name -> share; together 1.
        group : str, optional
            A metadata key: samples of one value stay together. Without it each sample goes by its id.
        seed : int
            Another seed, another split.

        Raises
        ------
        UsageError
            If the shares are not those of a whole.
        """
        shares = np.array(list(fractions.values()), np.float64)
        if not len(shares) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-9:
            raise UsageError(f"fractions: expected shares that make 1 together, found {dict(fractions)}")
        keys = self.names if group is None else self.metadata_values(group)
        bounds = np.cumsum(shares)[:-1]
        parts = np.searchsorted(bounds, [_share(key, seed) for key in keys], side="right")
        return {name: self.subset(np.flatnonzero(parts == place)) for place, name in enumerate(fractions)}

    def metadata_values(self, key: str) -> list[Any]:
        """Give a metadata key of every sample, in the view's order; None where it is missing.

        Parameters
        ----------
        key : str
            A key, ``a/b`` for nested ones.
        """
        found = dict(sample_values(self.reader, key, is_metadata=True))
        return [found.get(number) for number in self.numbers.tolist()]

    def balanced_weights(self, key: str) -> npt.NDArray[np.float64]:
        """Give weights with which every value of a metadata key is drawn as often as any other.

        Parameters
        ----------
        key : str
            Such as a label.

        Returns
        -------
        ndarray of shape (samples,), float64
            For ``torch.utils.data.WeightedRandomSampler``; together 1.
        """
        values = [str(value) for value in self.metadata_values(key)]
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        return 1.0 / (counts[inverse] * len(counts))

    def bucket_batches(self, key: str, batch_size: int, *, seed: int | None = None) -> list[list[int]]:
        """Give batches of samples that are alike in a number, such as their length.

        Parameters
        ----------
        key : str
            A metadata key with numbers; samples without it come first.
        batch_size : int
            Samples in a batch; the last may have fewer.
        seed : int, optional
            Shuffles the batches, and what is alike; without it they ascend.

        Returns
        -------
        list of list of int
            Positions: the ``batch_sampler`` of PyTorch's loader.

        Raises
        ------
        UsageError
            If `batch_size` is less than 1, or a value is no number.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size: expected at least 1, found {batch_size}")
        try:
            values = np.array([-np.inf if one is None else one for one in self.metadata_values(key)], np.float64)
        except (ValueError, TypeError) as exc:
            raise UsageError(f"{key!r}: expected numbers to sort samples by, found: {exc}") from exc
        choose = None if seed is None else np.random.default_rng(seed)
        order = np.argsort(values, kind="stable")
        if choose is not None:
            shuffled = choose.permutation(len(values))
            order = shuffled[np.argsort(values[shuffled], kind="stable")]
        batches = [order[first : first + batch_size].tolist() for first in range(0, len(order), batch_size)]
        return batches if choose is None else [batches[place] for place in choose.permutation(len(batches))]

    def to_torch(self) -> TorchSamples:
        """Give a PyTorch dataset of the samples, whose arrays are tensors.

        Raises
        ------
        ImportError
            If PyTorch is not installed; the message names the extra.
        """
        from zarrpack.storage.sharded.torch_samples import TorchSamples

        return TorchSamples(self)

    def _number(self, index: int) -> int:
        if not -len(self.numbers) <= index < len(self.numbers):
            raise IndexError(f"expected a position among {len(self)} samples, found {index}")
        return int(self.numbers[index])

    def _item(self, number: int, name: str, sample: Sample) -> Any:
        arrays, metadata = sample
        item = {"id": number, "name": name, **arrays, "metadata": metadata}
        return item if self.transform is None else self.transform(item)


def _share(key: Any, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}:{key}".encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
