"""``plan``, ``trace`` and ``limits``: what is told of a source, of an item, and of what bounds them."""

from __future__ import annotations

import json
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from archives import jpeg, png, product_members, write_tar, write_zip
from runs import run

import zarrpack
from zarrpack.converters.limit_table import describe_limits, limit_of_reason
from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.settings import merged_settings, parse_settings
from zarrpack.converters.source_plan import plan_conversion
from zarrpack.converters.trace import trace_item
from zarrpack.errors import SourceError, UsageError
from zarrpack.processors.limits import Limits
from zarrpack.reasons import REASONS


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_plan_counts_what_a_run_stores(tmp_path: Path, form: str) -> None:
    """Members, processors and picture sizes are those that the conversion finds; nothing is written."""
    members = product_members(6, vary=True)
    source = write_zip(tmp_path / "a.zip", members) if form == "zip" else write_tar(tmp_path / "a.tgz", members, "w:gz")
    before = sorted(tmp_path.iterdir())

    plan = plan_conversion([source], ConvertOptions())

    assert sorted(tmp_path.iterdir()) == before
    (told,) = plan["sources"]
    ledger = pd.read_parquet(zarrpack.convert(source, tmp_path / "out", workers=1).members)
    assert told["members"] == {"found": len(ledger), "to read": len(ledger)}
    assert {name: one["members"] for name, one in told["processors"].items()} == ledger[
        "processor"
    ].value_counts().to_dict()
    assert told["picture_sizes"] == {f"{24 + n}x16": 1 for n in range(6)}
    assert told["bytes"] == ledger["size"].sum()
    assert told["dangers"] == {}
    assert plan["disk_bytes"] > 0


def test_a_plan_names_what_looks_dangerous(tmp_path: Path) -> None:
    """Hostile names, nested archives, bombs and pictures above the limit are named; the status is 3 for refused members."""
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../up.txt", "text")
        archive.writestr("inner.zip", b"PK\5\6" + bytes(18))
        archive.writestr("big.png", png(1, 40, 30))
        archive.writestr("zeros.bin", bytes(3_000_000))
        archive.writestr("\x1b[31m.txt", "text")
    options = ConvertOptions(limits={"pixels": 1000, "ratio": 10, "ratio_grace_bytes": 1000})

    dangers = plan_conversion([source], options)["sources"][0]["dangers"]

    assert dangers["nested_archive"]["first"] == ["inner.zip"]
    assert dangers["limit_pixels"]["first"] == ["big.png"]
    assert "limit_ratio" in dangers or "expansion" in dangers
    assert any("../up.txt" in one["first"] for one in dangers.values())
    told = run(tmp_path, "plan", source)
    assert told.status == 0
    assert "\x1b" not in told.said
    assert plan_conversion([source], ConvertOptions())["sources"][0]["dangers"].keys() - {"nested_archive"} <= {
        "unsafe_name",
        "limit_ratio",
        "expansion",
        "control_characters",
    }


def test_a_plan_of_a_cut_tar(tmp_path: Path) -> None:
    """What is wrong with the source as a whole is told, with status 3; the control has status 0."""
    source = write_tar(tmp_path / "a.tar", {f"{n}.txt": b"x" * 1000 for n in range(9)})
    control = run(tmp_path, "plan", source, "--json")
    source.write_bytes(source.read_bytes()[:5000])
    cut = run(tmp_path, "plan", source, "--json")

    assert (control.status, cut.status) == (0, 3)
    assert json.loads(cut.said)["sources"][0]["findings"][0]["reason"] == "truncated"


def test_a_trace_leads_to_the_rows(tmp_path: Path) -> None:
    """The rows named are those whose values are the member's, whose digest is the one in the archive."""
    import hashlib

    members = product_members(5, apart=True)
    result = zarrpack.convert(write_zip(tmp_path / "a.zip", members), tmp_path / "out", workers=1, pair="basename")

    found = trace_item(result.flow, "103")

    assert found["item"] == "103"
    picture, record = found["members"]
    assert (picture["member"], picture["role"]) == ("p/images/103.jpg", "arrays")
    assert (record["member"], record["role"]) == ("p/styles/103.json", "record")
    assert picture["sha256"] == hashlib.sha256(members["p/images/103.jpg"]).hexdigest()
    ((first, end),) = found["rows"]["images/image"]
    images = zarrpack.open_dataset(result.dataset, "images")
    assert images["file_id"].values[first:end].tolist() == [found["code"]]
    assert np.array_equal(images["height"].values[first:end], [16])
    assert trace_item(tmp_path / "out", str(found["code"])) == found
    assert trace_item(result.flow, "p/styles/103.json") == found


def test_a_trace_of_what_failed(tmp_path: Path) -> None:
    """A failed member has its reason and no rows; what is in no item is told of all the same."""
    members = {"a.jpg": jpeg(1)[:300], "b.txt": b"text", ".DS_Store": b"junk"}
    result = zarrpack.convert(write_zip(tmp_path / "a.zip", members), tmp_path / "out", workers=1)

    failed, skipped = trace_item(result.flow, "a"), trace_item(result.flow, ".DS_Store")

    assert failed["members"][0]["reason"] == "truncated_image"
    assert failed["rows"] == {}
    assert (skipped["item"], skipped["members"][0]["reason"]) == (None, "platform_junk")
    with pytest.raises(UsageError, match="'nothing'"):
        trace_item(result.flow, "nothing")
    with pytest.raises(SourceError):
        trace_item(tmp_path / "none.flow", "a")


def test_every_limit_is_told(tmp_path: Path) -> None:
    """The table has each field with its default and a sentence, and every reason of a limit leads to one."""
    described = describe_limits()

    assert [one.name for one in described] == [one.name for one in fields(Limits)]
    assert all(one.default == getattr(Limits(), one.name) and len(one.meaning) > 10 for one in described)
    of_limits = [code for code in REASONS if code.startswith("limit_")]
    assert [code for code in of_limits if not limit_of_reason(code)] == []
    printed = run(tmp_path, "limits")
    assert printed.status == 0
    assert all(one.name in printed.said for one in described)
    assert "--set" in printed.said


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("pixels=5", {"pixels": 5}),
        ("limits.member_bytes=4Gi", {"member_bytes": 4 << 30}),
        ("rows=1_000", {"rows": 1000}),
        ("json_bytes=2MB", {"json_bytes": 2_000_000}),
    ],
)
def test_settings(text: str, limits: dict[str, int]) -> None:
    """Numbers may have units; a setting wins over what a configuration says, and leaves the rest."""
    assert parse_settings([text]) == {"limits": limits}
    merged = merged_settings({"limits": {"ratio": 7, **dict.fromkeys(limits, 1)}, "pair": "stem"}, {"limits": limits})
    assert merged == {"limits": {"ratio": 7, **limits}, "pair": "stem"}


@pytest.mark.parametrize("text", ["pixels", "pixel=5", "pixels=", "pixels=-5", "pixels=5.5", "pixels=5 apples", "=5"])
def test_wrong_settings(text: str) -> None:
    """What cannot be read is refused with a hint."""
    with pytest.raises(UsageError, match="set"):
        parse_settings([text])


def test_a_refusal_says_how_to_raise_the_limit(tmp_path: Path) -> None:
    """The member's line names the limit, and the last line the command that reads it again."""
    source = write_zip(tmp_path / "a.zip", {"a.png": png(1, 40, 30), "b.txt": b"text"})

    done = run(tmp_path, "convert", source, "-o", "out", "--set", "pixels=100")

    assert done.status == 3
    assert "raise the limit pixels" in done.said
    assert "zarrpack retry" in done.said
    assert "--set pixels=VALUE" in done.said
