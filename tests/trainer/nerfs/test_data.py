"""Datasets: the built-in scene is exact, files come back as written, bad ones are told in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from tests.trainer.nerfs.micro_nerf import micro_scene  # noqa: E402
from todpack.frames.errors import DataError  # noqa: E402
from todpack.trainer.nerfs.inf_nerf import Intrinsics, make_scene, read_posed_images, write_scene  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.analytic_scene import BOXES, SPHERES, hit_distance, render_exact  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.rays import PixelPyramid, camera_rays, halved, pyramid  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.run import SceneConfig, load_data  # noqa: E402


def inside(points: np.ndarray) -> np.ndarray:
    """Whether points are within some box or sphere."""
    boxes = (np.abs(points[:, None] - BOXES[:, :3]) < BOXES[:, 3:6]).all(axis=2).any(axis=1)
    spheres = (np.linalg.norm(points[:, None] - SPHERES[:, :3], axis=2) < SPHERES[:, 3]).any(axis=1)
    return boxes | spheres


def test_ray_caster_finds_the_first_surface() -> None:
    """Against small steps along the ray."""
    scene = micro_scene()
    origins, directions = (r.numpy()[::7].astype(float) for r in camera_rays(scene.poses[3], scene.intrinsics[3]))
    distance, number = hit_distance(origins, directions)
    steps = np.arange(0.0, 6.0, 0.002)
    n_hits = 0
    for origin, direction, d, found in zip(origins, directions, distance, number, strict=True):
        within = inside(origin + steps[:, None] * direction)
        if within.any():
            n_hits += 1
            assert d == pytest.approx(steps[within.argmax()], abs=0.003)
        else:
            assert not within.any()
            grazing = found >= 0 and not inside((origin + (d + 0.001) * direction)[None])[0]
            assert found == -1 or grazing
    assert n_hits > 20


def test_smaller_scales_are_means_over_the_areas_of_pixels() -> None:
    """A picture with twice the rays and half the pixels is the picture's next scale."""
    scene = micro_scene()
    small = scene.intrinsics[0].resized(12, 12)
    assert np.allclose(halved(scene.images[0]), render_exact(scene.poses[0], small, 4), atol=1e-5)


def test_sparse_points_are_on_surfaces_with_the_radius_of_their_pixel() -> None:
    scene = micro_scene()
    assert scene.points is not None
    assert scene.scales is not None
    toward = scene.points - scene.poses[0, :3, 3]
    near = [inside(scene.points + 1e-4 * step * toward) for step in (-1, 1)]
    assert (near[0] | near[1]).mean() > 0.99
    focal = scene.intrinsics[0].focal_length
    assert 0.5 * 1.0 / focal < scene.scales.min() < scene.scales.max() < 0.5 * 5.0 / focal


def test_pixels_of_all_scales_are_equally_likely_and_have_their_rays() -> None:
    scene = micro_scene()
    pixels = PixelPyramid(scene, 5, torch.device("cpu"))
    assert pixels.n_pixels == 10 * (24**2 + 12**2 + 6**2 + 3**2 + 1)
    batch = pixels.batch(torch.arange(pixels.n_pixels))
    assert batch.pixel_width.unique().tolist() == [1.0, 2.0, 4.0, 8.0, 16.0]
    origins, directions = camera_rays(scene.poses[0], scene.intrinsics[0])
    assert torch.allclose(batch.rays_d[:576], directions, atol=1e-6)
    assert torch.allclose(batch.rays_o[:576], origins, atol=1e-6)
    _, half = camera_rays(scene.poses[0], scene.intrinsics[0].resized(12, 12))
    assert torch.allclose(batch.rays_d[576:720], half, atol=1e-6)
    levels = pyramid(scene.images[0], 5)
    assert np.allclose(batch.rgb[576:720].numpy(), levels[1].reshape(-1, 3), atol=1e-3)
    assert [level.shape[0] for level in levels] == [24, 12, 6, 3, 1]


def test_written_scene_comes_back(tmp_path: Path) -> None:
    scene = micro_scene()
    write_scene(tmp_path / "scene", scene)
    back = read_posed_images(tmp_path / "scene")
    assert np.allclose(back.poses, scene.poses)
    assert back.intrinsics == scene.intrinsics
    assert back.scene_bound == scene.scene_bound
    assert back.points is not None
    assert np.allclose(back.points, scene.points, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(back.images, scene.images, strict=True)) <= 0.5 / 255 + 1e-6
    train, held = load_data(SceneConfig(data=str(tmp_path / "scene"), hold_out=4))
    assert (len(train), len(held or [])) == (8, 2)


def blender(folder: Path, **changes: Any) -> Path:
    """A dataset of two frames by camera_angle_x, without suffixes; `changes` to its fields, None takes one out."""
    folder.mkdir(exist_ok=True)
    for number in range(2):
        Image.new("RGB", (6, 4), (10, 20, 30)).save(folder / f"r_{number}.png")
    frames = [{"file_path": f"./r_{n}", "transform_matrix": np.eye(4).tolist()} for n in range(2)]
    content = {"camera_angle_x": math.pi / 2, "frames": frames, **changes}
    (folder / "transforms.json").write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
    return folder


def test_blender_style_fields(tmp_path: Path) -> None:
    images = read_posed_images(blender(tmp_path))
    assert images.intrinsics[0] == Intrinsics(6, 4, pytest.approx(3.0), (3.0, 2.0))
    assert images.images[1].shape == (4, 6, 3)


def test_fields_that_change_nothing(tmp_path: Path) -> None:
    fields = {"camera_model": "OPENCV", "k1": 0, "k2": 0.0, "fl_x": 3.0, "fl_y": 3.001, "aabb_scale": 16}
    assert read_posed_images(blender(tmp_path, **fields)).intrinsics[0].focal_length == 3.0


def test_gray_of_16_bits(tmp_path: Path) -> None:
    folder = blender(tmp_path)
    Image.fromarray(np.full((4, 6), 30000, np.uint16)).save(folder / "r_0.png")
    found = read_posed_images(folder).images[0]
    np.testing.assert_allclose(found, np.full((4, 6, 3), 30000 / 65535), atol=1e-6)


def test_blenders_split_files_and_alpha_on_white(tmp_path: Path) -> None:
    blender(tmp_path)
    (tmp_path / "transforms.json").rename(tmp_path / "transforms_train.json")
    (tmp_path / "transforms_test.json").write_bytes((tmp_path / "transforms_train.json").read_bytes())
    Image.new("RGBA", (6, 4), (255, 0, 0, 0)).save(tmp_path / "r_0.png")
    train, held = load_data(SceneConfig(data=str(tmp_path)))
    assert held is not None
    assert (len(train), len(held)) == (2, 2)
    assert (train.images[0] == 1.0).all()


def test_images_of_several_sizes_have_their_own_cameras(tmp_path: Path) -> None:
    blender(tmp_path)
    Image.new("RGB", (12, 8)).save(tmp_path / "r_1.png")
    images = read_posed_images(tmp_path)
    assert [c.focal_length for c in images.intrinsics] == pytest.approx([3.0, 6.0])


FRAME = {"file_path": "r_0", "transform_matrix": np.eye(4).tolist()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frames": None}, "expected a list `frames`"),
        ({"frames": []}, "expected a list `frames`"),
        ({"frames": [7]}, "frame 0: expected `file_path`"),
        ({"frames": [{**FRAME, "file_path": "gone"}]}, "frame 0: expected an image .*gone.*found nothing there"),
        ({"frames": [{"file_path": "r_0"}]}, "4 x 4"),
        ({"frames": [{**FRAME, "transform_matrix": [[1, 2], [3]]}]}, "4 x 4"),
        ({"frames": [{**FRAME, "transform_matrix": [[1.0] * 3] * 3}]}, r"4 x 4 .* shape \(3, 3\)"),
        (
            {"frames": [{**FRAME, "transform_matrix": [*np.eye(4).tolist()[:3], [1, 2, 3, 1]]}]},
            "expected 0, 0, 0, 1 as the last row",
        ),
        ({"frames": [{**FRAME, "transform_matrix": [[math.nan] * 4] * 4}]}, "finite numbers"),
        ({"frames": [{**FRAME, "transform_matrix": [[2.0] * 4] * 4}]}, "expected a rotation"),
        ({"camera_angle_x": None}, "expected `fl_x` or `camera_angle_x`"),
        ({"camera_angle_x": 4.0}, "expected `fl_x` or `camera_angle_x`"),
        ({"fl_x": -3.0}, "positive `fl_x`"),
        ({"fl_x": 1e-300}, "a focal length from 1e-06 to 1e"),
        ({"cx": 1e300}, "`cx` and `cy` up to 1e"),
        ({"frames": [{**FRAME, "transform_matrix": [[1e300] * 4] * 4}]}, "numbers up to 1e"),
        ({"k1": 0.1}, "without distortion, found `k1` = 0.1"),
        ({"frames": [{**FRAME, "p2": "much"}]}, "without distortion, found `p2` = 'much'"),
        ({"camera_model": "OPENCV_FISHEYE"}, "found 'OPENCV_FISHEYE'"),
        ({"camera_model": ["PINHOLE"]}, "expected `camera_model` PINHOLE or SIMPLE_PINHOLE or OPENCV"),
        ({"fl_x": 3.0, "fl_y": 6.0}, "square pixels, `fl_y` as `fl_x` = 3, found 6"),
        ({"w": 7}, "expected an image with w = 7, found 6"),
        ({"cx": "left"}, "numbers `cx`"),
        ({"scene_bound": -1}, "positive number `scene_bound`"),
        ({"scene_bound": 10**400}, "positive number `scene_bound`"),
        ({"fl_x": 10**400, "camera_angle_x": None}, "expected `fl_x` or `camera_angle_x`"),
        ({"sparse_points": "gone.npz"}, "gone.npz: expected an .npz"),
        ({"sparse_points": "r_0.png"}, "r_0.png: expected an .npz"),
        ({"sparse_points": "."}, "expected an .npz .* found nothing there"),
        ({"sparse_points": "zip.npz"}, "zip.npz: expected an .npz"),
        ({"sparse_points": "bad.npz"}, "points \\(P, 3\\)"),
        ({"sparse_points": "nan.npz"}, "finite points"),
    ],
)
def test_bad_data_is_told(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "bad.npz", points=np.zeros((2, 2)), scales=np.ones(2))
    (tmp_path / "zip.npz").write_bytes(b"PK\x03\x04 and nothing else")
    np.savez(tmp_path / "nan.npz", points=np.full((2, 3), np.nan), scales=np.ones(2))
    with pytest.raises(DataError, match=words):
        read_posed_images(blender(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_transforms_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "transforms.json").write_bytes(content)
    with pytest.raises(DataError, match=r"transforms\.json"):
        read_posed_images(tmp_path)


def test_missing_folder_and_broken_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder"):
        load_data(SceneConfig(data=str(tmp_path / "gone")))
    with pytest.raises(DataError, match="found nothing there"):
        read_posed_images(tmp_path)
    blender(tmp_path)
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n%%EndComments\nshowpage\n%%EOF\n"
    for content in (b"not an image", postscript):  # for which Pillow would start another program
        (tmp_path / "r_1.png").write_bytes(content)
        with pytest.raises(DataError, match=r"r_1\.png: expected a PNG or JPEG"):
            read_posed_images(tmp_path)


def test_other_seeds_are_other_views_of_the_same_scene() -> None:
    a, b = make_scene(2, 8, 0, 1), make_scene(2, 8, 1000, 1)
    assert np.abs(a.poses - b.poses).max() > 0.01
