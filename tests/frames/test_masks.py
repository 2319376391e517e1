"""Which texels are valid: masks of any name and kind, alpha, and black in every frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_day, write_day
from todpack.frames import DataError, open_dataset, read_day

RNG = np.random.default_rng(5)
VALID = RNG.random((6, 4)) < 0.5
CODES = RNG.integers(1, 256, (24, 6, 4, 3)).astype(np.uint8)


def write_frames(folder: Path, alpha: np.ndarray | list[np.ndarray] | None = None, suffix: str = ".png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for t, codes in enumerate(CODES):
        channel = alpha[t] if isinstance(alpha, list) else alpha
        values = codes if channel is None else np.dstack([codes, channel])
        Image.fromarray(values).save(folder / f"tod_{t:02d}{suffix}")
    return folder


def codes_of(valid: np.ndarray, top: int = 255) -> np.ndarray:
    return np.where(valid, top, 0).astype(np.uint8)


@pytest.mark.parametrize(
    "name",
    [
        "valid.png", "Valid.PNG", "mask.png", "MASK.tga", "coverage.bmp", "lightmap_mask.png", "tod-valid.tif",
        "LightmapMask.png", "uvMask.png", "UVMask.png", "MaskTexture.png", "coverageMap.bmp",
    ],
)  # fmt: skip
def test_a_mask_in_the_folder_is_no_frame(tmp_path: Path, name: str) -> None:
    folder = write_frames(tmp_path / "day")
    Image.fromarray(codes_of(VALID)).save(folder / name)
    day = read_day(folder)
    assert day.n_frames == 24
    np.testing.assert_array_equal(day.valid, VALID)
    assert day.warnings == (() if name.lower().startswith("valid") else (f"{folder}: the mask is {name}",))


@pytest.mark.parametrize("name", ["tod_24.png", "mask.png", "zz.png"])
def test_the_mask_that_is_named_is_no_frame(tmp_path: Path, name: str) -> None:
    folder = write_frames(tmp_path / "day")
    Image.fromarray(codes_of(VALID)).save(folder / name)
    (tmp_path / "link").symlink_to(folder)
    for mask in (folder / name, tmp_path / "link" / name):
        day = read_day(folder, mask)
        assert (day.n_frames, day.warnings) == (24, ())
        np.testing.assert_array_equal(day.valid, VALID)


def test_words_that_only_look_like_a_mask(tmp_path: Path) -> None:
    names = ("unmasked", "invalidated", "Invalidated", "UNMASKED")
    for t in range(2):
        for name in names:
            Image.fromarray(CODES[t]).save(tmp_path / f"{name}_{t}.png")
    assert read_day(tmp_path, hours=range(1, 9)).n_frames == 8


@pytest.mark.parametrize("name", ["valid", "Mask", "coverage"])
@pytest.mark.parametrize("kind", ["png", "npy"])
@pytest.mark.parametrize("inside", [".", "png"])
def test_a_mask_beside_frames_that_are_all_called_masks(tmp_path: Path, name: str, kind: str, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    for t, codes in enumerate(CODES):
        if kind == "png":
            Image.fromarray(codes).save(folder / f"Gas_Mask_{t:02d}.png")
        else:
            np.save(folder / f"Gas_Mask_{t:02d}.npy", codes)
    Image.fromarray(codes_of(VALID)).save(folder / f"{name}.png")
    day = read_day(tmp_path)
    assert day.n_frames == len(CODES)
    np.testing.assert_array_equal(day.valid, VALID)


def test_frames_that_are_all_called_masks(tmp_path: Path) -> None:
    for t in range(2):
        Image.fromarray(CODES[t]).save(tmp_path / f"mask_{t}.png")
    assert read_day(tmp_path).n_frames == 2


def test_several_masks_need_a_choice(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "day")
    for name in ("a_mask.png", "b_mask.png"):
        Image.fromarray(codes_of(VALID)).save(folder / name)
    with pytest.raises(DataError, match=r"expected one mask, found 2: a_mask\.png, b_mask\.png; choose one by --mask"):
        read_day(folder)
    np.testing.assert_array_equal(read_day(folder, folder / "b_mask.png").valid, VALID)


def test_masks_beside_the_one_that_is_read_are_told(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "day")
    Image.fromarray(codes_of(VALID)).save(folder / "valid.png")
    for name in ("a_mask.png", "mask.png"):
        Image.fromarray(codes_of(~VALID)).save(folder / name)
    day = read_day(folder)
    np.testing.assert_array_equal(day.valid, VALID)
    line = f"{folder}: the mask is valid.png; a_mask.png is left out; mask.png is left out"
    assert day.warnings == (line,)


@pytest.mark.parametrize(
    ("values", "suffix"),
    [
        (codes_of(VALID, 1), ".png"),
        (codes_of(VALID).astype(np.uint16) * 257, ".png"),
        (np.where(VALID, 1, 0).astype(np.float32), ".npy"),
        (VALID, ".npy"),
        (np.where(VALID, 127, -1).astype(np.int8), ".npy"),
        (np.dstack([np.full((6, 4, 3), 255, np.uint8), codes_of(VALID)]), ".png"),
    ],
    ids=["ones", "16-bit", "float", "bool", "contest", "alpha"],
)
def test_values_of_masks(tmp_path: Path, values: np.ndarray, suffix: str) -> None:
    folder, mask = write_frames(tmp_path / "day"), tmp_path / f"mine{suffix}"
    if suffix == ".npy":
        np.save(mask, values)
    else:
        Image.fromarray(values).save(mask)
    np.testing.assert_array_equal(read_day(folder, mask).valid, VALID)


@pytest.mark.parametrize("suffix", [".png", ".tga"])
def test_alpha_of_0_and_255_is_the_mask(tmp_path: Path, suffix: str) -> None:
    day = read_day(write_frames(tmp_path / "day", codes_of(VALID), suffix))
    np.testing.assert_array_equal(day.valid, VALID)
    np.testing.assert_array_equal(day.radiance, CODES)
    assert day.warnings == ()


def test_alpha_of_0_and_1_is_the_mask(tmp_path: Path) -> None:
    day = read_day(write_frames(tmp_path / "day", VALID.astype(np.uint8)))
    np.testing.assert_array_equal(day.valid, VALID)


def test_partial_alpha_needs_to_be_wanted(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "day", np.where(VALID, 140, 120).astype(np.uint8))
    with pytest.raises(DataError, match=r"tod_00\.png: expected an opaque image.*found alpha of 1.0; .*--mask alpha"):
        read_day(folder)
    np.testing.assert_array_equal(read_day(folder, "alpha").valid, VALID)


def test_alpha_that_differs_is_united_and_said(tmp_path: Path) -> None:
    alphas = [codes_of(VALID) for _ in CODES]
    alphas[5] = codes_of(~VALID)
    day = read_day(write_frames(tmp_path / "day", alphas))
    assert day.valid.all()
    assert "alpha of 1 frames differs from the first" in day.warnings[0]


def test_alpha_in_some_frames_only(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "day", codes_of(VALID))
    Image.fromarray(CODES[3]).save(folder / "tod_03.png")
    with pytest.raises(DataError, match=r"tod_03\.png: expected an alpha channel as in tod_00\.png, found none"):
        read_day(folder)
    np.testing.assert_array_equal(read_day(folder, "none").valid, np.ones((6, 4), bool))
    write_frames(folder)
    with pytest.raises(DataError, match=r"tod_00\.png: expected an alpha channel for --mask alpha, found none"):
        read_day(folder, "alpha")


def test_alpha_that_says_nothing(tmp_path: Path) -> None:
    assert read_day(write_frames(tmp_path / "a", codes_of(VALID | True))).warnings == ()
    empty = write_frames(tmp_path / "b", codes_of(VALID & False))
    day = read_day(empty)
    assert day.valid.all()
    assert "alpha is 0 everywhere in every frame and is left out" in day.warnings[0]
    with pytest.raises(DataError, match="--mask alpha: expected at least one opaque texel, found none"):
        read_day(empty, "alpha")


def test_a_mask_goes_before_alpha(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "day", codes_of(~VALID, 200))
    Image.fromarray(codes_of(VALID)).save(folder / "valid.png")
    day = read_day(folder)
    np.testing.assert_array_equal(day.valid, VALID)
    assert day.warnings == (f"{folder}: alpha is left out, as there is a mask",)
    assert read_day(folder, folder / "valid.png").warnings == ()
    for file in sorted(folder.glob("tod_*.png")):
        np.save(file.with_suffix(".npy"), np.asarray(Image.open(file)))
        file.unlink()
    assert read_day(folder).warnings == (f"{folder}: alpha is left out, as there is a mask",)
    assert read_day(folder, folder / "valid.png").warnings == ()


def test_black_in_every_frame_is_said(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "day")
    for t, codes in enumerate(CODES):
        Image.fromarray(codes * VALID[..., None]).save(folder / f"tod_{t:02d}.png")
    day = read_day(folder)
    np.testing.assert_array_equal(day.valid, VALID)
    n_black = VALID.size - VALID.sum()
    assert f"{n_black} of {VALID.size} texels are black in every frame and are taken as invalid" in day.warnings[0]
    day = read_day(folder, "none")
    assert day.valid.all()
    assert day.warnings == ()


def test_alpha_is_no_mask_where_it_is_color(tmp_path: Path) -> None:
    day = read_day(write_frames(tmp_path / "day", codes_of(VALID)), encoding="rgbm:2")
    assert day.transfer == "linear"
    np.testing.assert_allclose(day.radiance, 2 / 255 * CODES * VALID[..., None], rtol=1e-5)


def test_two_masks_beside_the_frames_are_no_day(tmp_path: Path) -> None:
    """Neither beside png/, nor around the folders of a level."""
    for name in ("day", "level/w", "level/x"):
        write_day(tmp_path / name, make_day(8, 8, 3)[0], None)
    (tmp_path / "day" / "png").mkdir()
    for frame in [*(tmp_path / "day").glob("tod_*.png")]:
        frame.rename(tmp_path / "day" / "png" / frame.name)
    for place in (tmp_path / "day", tmp_path / "level"):
        for name in ("valid.png", "valid_old.png", "coverage.png"):
            Image.new("L", (8, 8), 255).save(place / name)
    assert read_day(tmp_path / "day", mask="none").n_frames == 3
    assert [entry.name for entry in open_dataset(tmp_path / "level").entries] == ["w", "x"]


def test_a_mask_around_in_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that others may enter alone (mode 311); root may list it all the same."""
    folder, listing = write_frames(tmp_path / "day"), Path.iterdir
    Image.fromarray(codes_of(VALID)).save(tmp_path / "valid.png")

    def refused(path: Path) -> Iterator[Path]:
        if path == tmp_path:
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    assert np.array_equal(read_day(folder).valid, VALID)


def test_folders_beside_the_frames_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as lost+found: nothing of a day; in a level one may be a lightmap."""
    listing = Path.iterdir
    write_frames(tmp_path / "level" / "a")
    write_frames(tmp_path / "day")
    for folder in (tmp_path / "day", tmp_path / "level"):
        (folder / "lost+found").mkdir()

    def refused(path: Path) -> Iterator[Path]:
        if path.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    assert read_day(tmp_path / "day").n_frames == len(CODES)
    with pytest.raises(DataError, match=r"lost\+found: cannot be listed: Permission denied"):
        open_dataset(tmp_path / "level")
