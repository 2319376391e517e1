"""The npm module in Node: WebAssembly decodes what the library decodes, bit for bit, and reports what is wrong."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from todpack.decompressor import open_archive

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
DAYBASIS = sorted(path.stem for path in GOLDEN.glob("daybasis-*.tod"))
DTYPES = {"Uint8Array": np.uint8, "Uint16Array": np.uint16, "Uint32Array": np.uint32, "Float32Array": np.float32}
HOURS = (0.0, 9.0, 17.6, 23.9)
BUILT_BY = "3.1.6 "  # of Debian 12: the Emscripten that made the committed binary

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("node") is None, reason="no Node: run `make test-browser`, which installs it"),
]


def asked(archive: Path, *calls: Sequence[Any], **options: Any) -> list[dict[str, Any]]:
    """Answers to calls, arrays as NumPy's."""
    module = (ROOT / "js" / "todpack.js").as_uri()
    request = json.dumps({"module": module, "archive": str(archive), "calls": calls, "options": options})
    command = ["node", str(Path(__file__).parent / "decode.mjs")]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        value = answer.get("value")
        if isinstance(value, dict) and "data" in value:
            answer["value"] = np.frombuffer(base64.b64decode(value["data"]), DTYPES[value["type"]])
    return answers


@pytest.mark.parametrize("name", DAYBASIS)
def test_frames_are_the_librarys(name: str) -> None:
    path = GOLDEN / f"{name}.tod"
    with open_archive(path) as archive:
        lightmap = archive.lightmaps[-1]
        which, is_codes = lightmap.name, lightmap.transfer == "srgb8"
        kinds = [("rgb32f", "float32"), *([("rgb8", "uint8")] if is_codes else [])]
        wanted = [(hour, form, dtype) for hour in HOURS for form, dtype in kinds]
        calls = [("decode", which, hour, None, {"format": form}) for hour, form, _ in wanted]
        for (hour, _, dtype), answer in zip(wanted, asked(path, *calls), strict=True):
            expected = lightmap.decode(hour, dtype=dtype)
            if is_codes or hour in lightmap.hours:
                assert np.array_equal(answer["value"], expected.ravel())
            else:  # exp is the machine's
                assert np.allclose(answer["value"], expected.ravel(), rtol=1e-6)


def test_regions_texels_masks_and_maps() -> None:
    path = GOLDEN / "daybasis-ans-1.2.tod"
    with open_archive(path) as archive:
        lightmap = archive.lightmaps[0]
        y, x = (int(i) for i in np.argwhere(lightmap.valid)[lightmap.n_valid // 2])
        region = {"y": 3, "x": 5, "height": 7, "width": 11}
        part, texel, mask, latent, frame, progress = (
            answer["value"]
            for answer in asked(
                path,
                ("decode", 0, 9.0, None, {"format": "rgb8", "region": region}),
                ("texel", 0, y, x, 9.5),
                ("mask", 0),
                ("latent", 0, 1),
                ("into", 0, 9.0, 4 * lightmap.height * lightmap.width),
                ("progress", 0),
            )
        )
        whole = lightmap.decode(9.0)
        assert np.array_equal(part.reshape(7, 11, 3), whole[3:10, 5:16])
        assert np.array_equal(texel, lightmap.texel(y, x, 9.5, dtype="float32"))
        assert np.array_equal(mask.reshape(lightmap.valid.shape), lightmap.valid)
        valid = lightmap.valid
        assert np.array_equal(latent.reshape(valid.shape)[valid], lightmap.latents()[1][valid])
        assert np.array_equal(frame.reshape(*valid.shape, 4)[..., :3], whole)
        assert progress[-1][0] == progress[-1][1] >= 1


def test_only_some_maps_take_part() -> None:
    path = GOLDEN / "daybasis-ans-1.2.tod"
    with open_archive(path) as archive:
        lightmap = archive.lightmaps[0]
        n = len(lightmap.latents())
        one_by_one = [[i == k for i in range(n)] for k in range(n)]
        calls = [
            ("decode", 0, 9.0, None, {"format": "rgb32f", "active": active}) for active in ([False] * n, *one_by_one)
        ]
        none, *ones = (answer["value"].astype(np.float64) for answer in asked(path, *calls))
        assert np.unique(none.reshape(-1, 3), axis=0).shape == (1, 3)  # b alone
        frame = asked(path, ("decode", 0, 9.0, None, {"format": "rgb32f", "active": [True] * n}))[0]["value"]
        inside = (frame > 1) & (frame < 254) & np.all([(one > 0) & (one < 255) for one in ones], axis=0)
        assert inside.mean() > 0.3
        assert np.abs((sum(one - none for one in ones) + none - frame)[inside]).max() < 0.01


def test_gutters() -> None:
    path = GOLDEN / "daybasis-ans-1.2.tod"
    for gutters in ("mean", "black", "dilate"):
        with open_archive(path, gutter=gutters) as archive:
            expected = archive.lightmaps[0].decode(9.0)
            answer = asked(path, ("decode", 0, 9.0, None, {"format": "rgb8"}), gutters=gutters)[0]
            assert np.array_equal(answer["value"].reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("decode", 0, 24.0), "time: expected hours in [0, 24), found 24"),
        (("decode", "gone", 9.0), "no lightmap gone; there are 1"),
        (("decode", 0, 9.0, None, {"format": "rgb"}), "format: expected one of rgb8,"),
        (("decode", 0, 9.0, None, {"region": {"y": -1}}), "region: expected whole texels within"),
        (("decode", 0, 9.0, None, {"region": {"height": 0}}), "region: expected whole texels within"),
        (
            ("decode", 0, 9.0, None, {"region": {"height": 2**32 + 1, "width": 1}}),
            "region: expected whole texels within",
        ),
        (("decode", 0, 9.0, None, {"region": {"height": 1.5, "width": 10.5}}), "region: expected whole texels within"),
        (("decode", 0, 9.0, None, {"format": "constructor"}), "format: expected one of rgb8,"),
        (("decode", 0, 9.0, None, {"active": [False]}), "active: expected"),
        (("decode", 0, 9.0, None, {"active": [False] * 1000}), "active: expected"),
        (("decode", 0, None), "hour: expected a number, found null"),
        (("decode", 0.5, 9.0), "no lightmap 0.5; there are 1"),
        (("texel", 0, 2**32 + 5, 2, 9.0), "region: expected whole texels within"),
        (("texel", 0, None, 2, 9.0), "region: expected whole texels within"),
        (("latent", 0, 2**32), "map: expected 0.."),
        (("latent", 0, 0.5), "map: expected 0.."),
        (("into", 0, 9.0, 10), "out: expected a Uint8Array of"),
        (("latent", 0, 1000), "map: expected 0.."),
    ],
)
def test_errors_of_calls(call: Sequence[Any], message: str) -> None:
    """Each is told, and what is asked afterwards is answered as before."""
    frame = ("decode", 0, 9.0)
    before, answer, after = asked(GOLDEN / "daybasis-ans-1.2.tod", frame, call, frame)
    assert answer["name"] == "TodError"
    assert answer["error"].startswith(message)
    assert np.array_equal(before["value"], after["value"])


def test_errors_of_options() -> None:
    assert asked(GOLDEN / "daybasis-ans-1.2.tod", gutters="toString")[0]["error"].startswith("gutters: expected one of")


def test_a_mask_is_the_callers() -> None:
    filled, again = asked(GOLDEN / "daybasis-ans-1.2.tod", ("spoil_mask", 0), ("mask", 0))
    assert filled["value"] == 9
    assert again["value"].max() == 1


def test_errors_of_archives(tmp_path: Path) -> None:
    other = asked(GOLDEN / "gridmlp-1.0.tod", ("describe",))
    assert len(other) == 1
    assert "gridmlp" in other[0]["error"]
    data = bytearray((GOLDEN / "daybasis-ans-1.2.tod").read_bytes())
    data[-100] ^= 1
    damaged = tmp_path / "damaged.tod"
    damaged.write_bytes(data)
    described, frame = asked(damaged, ("describe",), ("decode", 0, 9.0))
    assert described["value"]["version"] == "1.2"
    assert frame["name"] == "TodError"
    assert "section" in frame["error"]
    (tmp_path / "text.tod").write_text("no archive")
    assert asked(tmp_path / "text.tod", ("describe",))[0]["name"] == "TodError"


def test_a_binary_that_was_not_there_is_looked_for_again(tmp_path: Path) -> None:
    """As after a lost connection."""
    module = tmp_path / "todpack.js"
    shutil.copy(ROOT / "js" / "todpack.js", module)
    script = f"""
import {{ copyFileSync, readFileSync }} from "node:fs";
const {{ openTod }} = await import({json.dumps(module.as_uri())});
const data = readFileSync({json.dumps(str(GOLDEN / "daybasis-ans-1.0.tod"))});
for (const turn of [1, 2]) {{
  try {{ console.log((await openTod(data)).lightmaps.length); }} catch (error) {{ console.log(error.code); }}
  copyFileSync({json.dumps(str(ROOT / "js" / "todpack.wasm"))}, {json.dumps(str(tmp_path / "todpack.wasm"))});
}}
"""
    (tmp_path / "twice.mjs").write_text(script, encoding="utf-8")
    done = subprocess.run(["node", str(tmp_path / "twice.mjs")], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ENOENT", "1"]


def test_a_closed_archive_says_so() -> None:
    _, after = asked(GOLDEN / "daybasis-ans-1.2.tod", ("close",), ("decode", 0, 9.0))
    assert after["error"] == "the archive is closed"


def test_an_archive_that_is_closed_by_what_it_calls_says_so() -> None:
    level = GOLDEN / "daybasis-level-1.1.tod"
    with open_archive(level) as archive:
        number = max(range(len(archive.lightmaps)), key=lambda n: archive.lightmaps[n].n_tiles)
        assert archive.lightmaps[number].n_tiles > 1
        n_maps = len(archive.lightmaps[0].latents())
    for call in (("cancel", number), ("cancel_by_active", 0, 9.0, n_maps)):
        (answer,) = asked(level, call)
        assert (answer["name"], answer["error"]) == ("TodError", "the archive is closed")


def test_the_binary_is_small() -> None:
    assert (ROOT / "js" / "todpack.wasm").stat().st_size <= 150_000


@pytest.mark.skipif(shutil.which("emcc") is None, reason="no Emscripten: run `make test-browser`, which installs it")
def test_the_binary_is_built_from_the_sources(tmp_path: Path) -> None:
    """What the sources build decodes what the committed binary decodes; with the same compiler it is the same file."""
    built = tmp_path / "todpack.wasm"
    subprocess.run(["sh", str(ROOT / "js" / "build.sh"), str(built)], check=True, capture_output=True)
    if BUILT_BY in subprocess.run(["emcc", "--version"], check=True, capture_output=True, text=True).stdout:
        assert built.read_bytes() == (ROOT / "js" / "todpack.wasm").read_bytes()  # else: run js/build.sh, and commit
    assert built.stat().st_size <= 160_000
