"""Convert the sample archive and look at what has become of it.

    python samples/convert_archive.py OUT

Each picture and the record of the same name become one item, and so does the row of the table with its id.
"""

from __future__ import annotations

import sys
from pathlib import Path

import zarrpack

ARCHIVE = Path(__file__).parent / "data" / "products.zip"


def main(out: Path) -> None:
    """Convert, then open the result with xarray."""
    result = zarrpack.convert([ARCHIVE], out, workers=2, pair="basename", join=["products.csv:id"], overwrite=True)
    print(f"{result.counts['stored']} of {result.counts['members']} members stored, {result.counts['failed']} failed")
    print(f"{result.counts['items']} items in {result.dataset.name}")

    pictures = zarrpack.open_dataset(result.dataset, "images")
    print(pictures["pixels"].dims, pictures["pixels"].shape, pictures["pixels"].dtype)
    first = pictures["pixels"][0].values  # only this picture is read
    print(f"the first picture's mean colour: {first.mean(axis=(0, 1)).round().astype(int).tolist()}")


# The worker processes import this file again: what starts the conversion must be kept from them.
if __name__ == "__main__":
    main(Path(sys.argv[1]))
