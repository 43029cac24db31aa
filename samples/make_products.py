"""Make the sample archives: 40 photographs, a JSON record for each, and one table.

    python samples/make_products.py             # writes samples/data/
    python samples/make_products.py FOLDER --items 100 --size 240x320

The products are prints of six photographs in the public domain (``samples/README.md`` names them). Each
picture is a crop of one of them. ``products-damaged.zip`` is the same archive with one picture cut short
and one record broken, to see what zarrpack does with them.

The same arguments give the same bytes, as long as the libraries that resize and compress are the same.
Needs scikit-image, for the photographs: ``pip install ".[bench]"``.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FIRST_ID = 1001
JPEG_QUALITY = 90

#: scikit-image's name of each photograph, the print's title, its maker, and what it shows.
MOTIFS = [
    ("astronaut", "Eileen Collins, astronaut", "NASA", ["people", "space"]),
    ("chelsea", "Chelsea – 猫", "Stéfan van der Walt", ["animals"]),
    ("coffee", "Café à l’heure", "Rachel Michetti", ["food", "wood"]),
    ("hubble_deep_field", "Ferne Galaxien, äußerst tief", "NASA", ["space"]),
    ("retina", "Retina, left eye", "Mikael Häggström", ["science"]),
    ("rocket", "Старт ракеты", "SpaceX", ["space", "machines"]),
]
PAPERS = ["matt", "glossy", "baryta", "和紙"]


def photographs() -> list[Image.Image]:
    """Give the photographs in the order of `MOTIFS`."""
    import skimage.data

    return [Image.fromarray(getattr(skimage.data, name)()) for name, *_ in MOTIFS]


def crop(rng: np.random.Generator, photograph: Image.Image, width: int, height: int) -> Image.Image:
    """Cut a part of the photograph with the asked proportions, a third of it to all of it, and resize it."""
    largest = min(photograph.width / width, photograph.height / height)
    scale = largest * rng.uniform(0.35, 1.0)
    left = rng.uniform(0, photograph.width - width * scale)
    top = rng.uniform(0, photograph.height - height * scale)
    box = (left, top, left + width * scale, top + height * scale)
    return photograph.resize((width, height), Image.Resampling.BICUBIC, box=box)


def jpeg(picture: Image.Image) -> bytes:
    """Compress a picture."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def record(rng: np.random.Generator, number: int, motif: int) -> dict[str, Any]:
    """Make up the record of one product: nested, with lists, and not only in ASCII."""
    _, title, maker, subjects = MOTIFS[motif]
    framed = bool(rng.integers(2))
    return {
        "id": number,
        "title": title,
        "maker": {"name": maker, "rights": "public domain"},
        "price": {
            "amount": int(rng.integers(1900, 24900)) / 100,
            "currency": "EUR",
            "reduced": bool(rng.integers(4) == 0),
        },
        "stock": int(rng.integers(0, 250)),
        "paper": PAPERS[rng.integers(len(PAPERS))],
        "framed": framed,
        "frame": {"wood": "oak", "weight_kg": round(float(rng.uniform(0.4, 2.5)), 2)} if framed else None,
        "subjects": subjects,
        "formats": [
            {"width_cm": width, "height_cm": width * 4 // 3, "available": bool(rng.integers(2))}
            for width in (30, 45, 60)
        ],
        "rating": round(float(rng.uniform(2.5, 5.0)), 1),
    }


def table(records: list[dict[str, Any]]) -> bytes:
    """Write one row for each record."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["id", "title", "shelf", "width_mm", "height_mm", "sold", "rating"])
    for number, one in enumerate(records):
        shelf = f"{'ABCD'[number % 4]}{number // 4 + 1}"
        rows.writerow([one["id"], one["title"], shelf, 300, 400, (number * 37) % 101, one["rating"]])
    return out.getvalue().encode()


def members(items: int, width: int, height: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Give every member's name and content: all pictures, then all records, then the table."""
    sources = photographs()
    records = []
    for index in range(items):
        rng = np.random.default_rng([seed, index])
        motif = index % len(MOTIFS)
        number = FIRST_ID + index
        yield f"products/images/{number}.jpg", jpeg(crop(rng, sources[motif], width, height))
        records.append(record(rng, number, motif))
    for one in records:
        yield f"products/records/{one['id']}.json", json.dumps(one, ensure_ascii=False, indent=1).encode()
    yield "products/products.csv", table(records)


def damaged(content: list[tuple[str, bytes]], items: int) -> list[tuple[str, bytes]]:
    """Cut one picture short, and one record in the middle of a string."""
    picture = f"products/images/{FIRST_ID + items * 2 // 5}.jpg"
    text = f"products/records/{FIRST_ID + items * 11 // 20}.json"
    result = []
    for name, payload in content:
        if name == picture:
            payload = payload[: len(payload) // 2]
        elif name == text:
            payload = payload[: payload.index(b'"currency"') + 4]
        result.append((name, payload))
    return result


def write_zip(path: Path, content: list[tuple[str, bytes]]) -> None:
    """Write a zip file without anything that changes from run to run."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, payload in content:
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            method = zipfile.ZIP_STORED if name.endswith(".jpg") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, payload, method)


def main() -> None:
    """Write both archives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "data")
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--size", default="480x640", help="WIDTHxHEIGHT of every picture, in pixels")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))

    content = list(members(arguments.items, width, height, arguments.seed))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in [("products.zip", content), ("products-damaged.zip", damaged(content, arguments.items))]:
        write_zip(arguments.folder / name, chosen)
        print(
            f"{arguments.folder / name}: {len(chosen)} members, {(arguments.folder / name).stat().st_size / 1e6:.2f} MB"
        )


if __name__ == "__main__":
    main()
