"""The formats that ``load.py`` compares: how each is written, read from one end to the other, and read at one place."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

#: A sample: its name, and a picture's bytes.
Sample: TypeAlias = tuple[str, bytes]


class Format(ABC):
    """One competitor. Values that are views of its own memory are copied, so that all give the same: bytes."""

    needs: Sequence[str] = ()

    @abstractmethod
    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        """Write the samples."""

    @abstractmethod
    def open(self, folder: Path) -> None:
        """Open what was written, for the two below."""

    @abstractmethod
    def epoch(self) -> Iterator[Sample]:
        """Give all samples once, in order."""

    def at(self, number: int) -> bytes | None:
        """Give one sample's bytes; None: this format cannot."""
        return None


class Zarrpack(Format):
    """``zarrpack convert --images encoded``, read through `DatasetView`."""

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        import zarrpack

        zarrpack.convert(archive, folder, images="encoded", include=["*.jpg"], name="set", workers=2)

    def open(self, folder: Path) -> None:
        import zarrpack

        view = zarrpack.DatasetView.open(folder / "set.flow")
        self._view = view.select("images/encoded", rows="first")
        self._names = self._view.names

    def epoch(self) -> Iterator[Sample]:
        for item in self._view:
            yield item["name"], item["images/encoded"]

    def at(self, number: int) -> bytes | None:
        return self._view.source_bytes(number)


class WebDataset(Format):
    """A tar, read as a stream."""

    needs: Sequence[str] = ("webdataset",)

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        import webdataset

        with webdataset.TarWriter(str(folder / "set.tar")) as tar:
            for name, payload in samples:
                tar.write({"__key__": name, "jpg": payload})

    def open(self, folder: Path) -> None:
        import webdataset

        self._set = webdataset.WebDataset(str(folder / "set.tar"), shardshuffle=False)

    def epoch(self) -> Iterator[Sample]:
        for sample in self._set:
            yield sample["__key__"], sample["jpg"]


class Wids(WebDataset):
    """The same tar with an index in memory."""

    needs = ("wids", "webdataset")

    def open(self, folder: Path) -> None:
        import wids

        count = int((folder / "count").read_text())
        shard = {"url": str(folder / "set.tar"), "nsamples": count}
        self._set = wids.ShardListDataset([shard], transformations=[], keep=True, cache_dir=str(folder / "cache"))

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        super().write(samples, folder, archive)
        (folder / "count").write_text(str(len(samples)))

    def epoch(self) -> Iterator[Sample]:
        for number in range(len(self._set)):
            sample = self._set[number]
            yield sample["__key__"], sample[".jpg"].read()

    def at(self, number: int) -> bytes | None:
        payload: bytes = self._set[number][".jpg"].read()
        return payload


class Streaming(Format):
    """MosaicML's MDS."""

    needs = ("streaming",)

    def _library(self) -> Any:
        stub_torchvision()
        return importlib.import_module("streaming")

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        columns = {"name": "str", "jpg": "bytes"}
        with self._library().MDSWriter(out=str(folder / "mds"), columns=columns) as out:
            for name, payload in samples:
                out.write({"name": name, "jpg": payload})

    def open(self, folder: Path) -> None:
        self._set = self._library().StreamingDataset(local=str(folder / "mds"), shuffle=False, batch_size=1)

    def epoch(self) -> Iterator[Sample]:
        for sample in self._set:
            yield sample["name"], sample["jpg"]

    def at(self, number: int) -> bytes | None:
        payload: bytes = self._set[number]["jpg"]
        return payload


class LitData(Format):
    """Lightning's chunks."""

    needs = ("litdata",)

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        from litdata.streaming import Cache

        cache = Cache(str(folder / "lit"), chunk_bytes="64MB")
        for number, (name, payload) in enumerate(samples):
            cache[number] = {"name": name, "jpg": payload}
        cache.done()
        cache.merge()

    def open(self, folder: Path) -> None:
        import litdata

        self._set = litdata.StreamingDataset(str(folder / "lit"))

    def epoch(self) -> Iterator[Sample]:
        for sample in self._set:
            yield sample["name"], bytes(sample["jpg"])

    def at(self, number: int) -> bytes | None:
        return bytes(self._set[number]["jpg"])


class HuggingFace(Format):
    """Arrow, through Hugging Face datasets."""

    needs = ("datasets",)

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        from datasets import Dataset, Features, Value

        features = Features({"name": Value("string"), "jpg": Value("binary")})
        names, payloads = zip(*samples, strict=True)
        rows = Dataset.from_dict({"name": list(names), "jpg": list(payloads)}, features=features)
        rows.save_to_disk(str(folder / "arrow"))

    def open(self, folder: Path) -> None:
        from datasets import load_from_disk

        self._set = load_from_disk(str(folder / "arrow"))

    def epoch(self) -> Iterator[Sample]:
        for row in self._set:
            yield row["name"], row["jpg"]

    def at(self, number: int) -> bytes | None:
        payload: bytes = self._set[number]["jpg"]
        return payload


class ArrayRecord(Format):
    """Google's ArrayRecord, a name and a picture in each record."""

    needs = ("array_record",)

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        from array_record.python.array_record_module import ArrayRecordWriter

        writer = ArrayRecordWriter(str(folder / "set.array_record"), "group_size:1")
        for name, payload in samples:
            writer.write(name.encode() + b"\0" + payload)
        writer.close()

    def open(self, folder: Path) -> None:
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        self._set = ArrayRecordDataSource(str(folder / "set.array_record"))

    def epoch(self) -> Iterator[Sample]:
        for number in range(len(self._set)):
            name, _, payload = self._set[number].partition(b"\0")
            yield name.decode(), payload

    def at(self, number: int) -> bytes | None:
        payload: bytes = self._set[number].partition(b"\0")[2]
        return payload


class Lance(Format):
    """Lance, one column of names and one of pictures."""

    needs = ("lance",)

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        import lance
        import pyarrow as pa

        names, payloads = zip(*samples, strict=True)
        table = pa.table({"name": pa.array(names), "jpg": pa.array(payloads, pa.large_binary())})
        lance.write_dataset(table, str(folder / "lance"))

    def open(self, folder: Path) -> None:
        import lance

        self._set = lance.dataset(str(folder / "lance"))

    def epoch(self) -> Iterator[Sample]:
        for batch in self._set.to_batches(batch_size=64):
            yield from zip(batch["name"].to_pylist(), batch["jpg"].to_pylist(), strict=True)

    def at(self, number: int) -> bytes | None:
        payload: bytes = self._set.take([number], columns=["jpg"])["jpg"][0].as_py()
        return payload


class NaiveZarr(Format):
    """What one writes with zarr-python: all bytes in one array of 1 MiB chunks, in a zip, with offsets and names."""

    def write(self, samples: Sequence[Sample], folder: Path, archive: Path) -> None:
        import numpy as np
        import zarr

        names, payloads = zip(*samples, strict=True)
        store = zarr.storage.ZipStore(folder / "set.zarr.zip", mode="w")
        group = zarr.create_group(store)
        values = np.frombuffer(b"".join(payloads), np.uint8)
        group.create_array("jpg", data=values, chunks=(1 << 20,))
        group.create_array("offsets", data=np.cumsum([0, *map(len, payloads)]))
        (folder / "names").write_text("\n".join(names))
        store.close()

    def open(self, folder: Path) -> None:
        import zarr

        group = zarr.open_group(zarr.storage.ZipStore(folder / "set.zarr.zip", mode="r"), mode="r")
        self._values: Any = group["jpg"]
        offsets: Any = group["offsets"]
        self._offsets = offsets[...]
        self._names = (folder / "names").read_text().split("\n")

    def epoch(self) -> Iterator[Sample]:
        for number, name in enumerate(self._names):
            yield name, self.at(number) or b""

    def at(self, number: int) -> bytes | None:
        first, last = self._offsets[number], self._offsets[number + 1]
        payload: bytes = self._values[first:last].tobytes()
        return payload


FORMATS: dict[str, type[Format]] = {
    "zarrpack": Zarrpack,
    "webdataset": WebDataset,
    "wids": Wids,
    "streaming": Streaming,
    "litdata": LitData,
    "datasets": HuggingFace,
    "array_record": ArrayRecord,
    "lance": Lance,
    "zarr": NaiveZarr,
}


def stub_torchvision() -> None:
    """Let MosaicML's library be imported where there is no torchvision that fits torch; nothing of it is used here."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.datasets")
    for name in names:
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        module.__path__ = []
        sys.modules[name] = module
    sys.modules[names[0]].__dict__.update(transforms=sys.modules[names[1]], datasets=sys.modules[names[3]])
    sys.modules[names[1]].__dict__["functional"] = sys.modules[names[2]]
    sys.modules[names[2]].__dict__["to_tensor"] = None
    sys.modules[names[3]].__dict__["VisionDataset"] = object
