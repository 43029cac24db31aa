"""Read a converted dataset: names and metadata with pandas, arrays with xarray, a picture with Pillow.

    python samples/read_dataset.py OUT

Uses ``OUT/products.*`` as ``convert_archive.py`` leaves them, and converts the sample archive if they are missing.
Writes the picture of the product with the best rating to ``OUT/best.png``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import zarrpack

ARCHIVE = Path(__file__).parent / "data" / "products.zip"


def main(out: Path) -> None:
    """Find the best rated product in the table and its picture in the dataset."""
    if not (out / "products.flow").exists():
        zarrpack.convert([ARCHIVE], out, workers=2, pair="basename", join=["products.csv:id"])

    items = pd.read_parquet(out / "products.infoset")
    print(items[["id", "name"]].head(3).to_string(index=False))

    members = pd.read_parquet(out / "products.members.parquet")
    print(members.groupby(["state", "processor"]).size().to_string())

    best = items.sort_values("rating", ascending=False, kind="stable").iloc[0]
    images = zarrpack.open_dataset(out / "products.dataset", "images")
    row = int(np.flatnonzero(images["file_id"].values == best["id"])[0])
    Image.fromarray(images["pixels"][row].values).save(out / "best.png")
    print(f"{best['name']}: {best['title']}, rated {best['rating']}, from {best['description']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
