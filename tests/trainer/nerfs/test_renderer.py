"""Images, their nodes and the frustum, trajectories, videos."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.trainer.nerfs.micro_nerf import MICRO, micro_scene, trained  # noqa: E402
from todpack.packer.errors import ConfigError  # noqa: E402
from todpack.trainer.nerfs.inf_nerf import (  # noqa: E402
    InfNeRF,
    InfNeRFRenderer,
    InfNeRFRendererConfig,
    Intrinsics,
    Octree,
    render_demo_images,
)
from todpack.trainer.nerfs.inf_nerf.demo import _codes  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.frustum import nodes_in_frustum  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.rays import camera_rays  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.trajectories import look_at, spiral  # noqa: E402

UP = np.array([0.0, 0.0, 1.0])


def test_rays_of_a_camera() -> None:
    """The middle of the image looks along -z; right is +x, down is -y."""
    origins, directions = camera_rays(np.eye(4), Intrinsics.centered(3, 3, 1.5))
    grid = directions.reshape(3, 3, 3)
    assert grid[1, 1].tolist() == [0.0, 0.0, -1.0]
    assert grid[0, 2].tolist() == pytest.approx([2 / 3, 2 / 3, -1.0])
    assert (origins == 0).all()


def test_look_at() -> None:
    pose = look_at(np.array([3.0, 0.0, 4.0]), np.zeros(3), UP)
    assert np.allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3))
    assert np.allclose(-pose[:3, 2], [-0.6, 0.0, -0.8])
    assert pose[2, 1] > 0
    straight_down = look_at(np.array([0.0, 0.0, 4.0]), np.zeros(3), UP)
    assert np.allclose(straight_down[:3, :3].T @ straight_down[:3, :3], np.eye(3))


def test_spiral_looks_at_its_center_and_closes() -> None:
    center = np.array([1.0, 2.0, 3.0])
    poses = spiral(center, 4.0, 40, up=UP)
    offset = center - poses[:, :3, 3]
    assert np.allclose(offset / np.linalg.norm(offset, axis=1, keepdims=True), -poses[:, :3, 2])
    distances = np.linalg.norm(offset, axis=1)
    assert distances.min() == pytest.approx(2.8, abs=0.05)
    assert distances.max() == pytest.approx(5.2, abs=0.05)
    steps = np.linalg.norm(poses[:, :3, 3] - np.roll(poses[:, :3, 3], 1, axis=0), axis=1)
    assert steps.max() < 3.0 * steps.min()


@pytest.mark.parametrize("seed", range(4))
def test_all_that_an_image_touches_is_in_the_frustum_at_its_level(seed: int) -> None:
    """Random cameras, inside of the cube too, on an octree with holes."""
    rng = np.random.default_rng(seed)
    full = Octree.full(2)
    octree, _ = full.keep(rng.random(len(full)) < 0.3)
    renderer = InfNeRFRenderer(InfNeRF(MICRO, octree), InfNeRFRendererConfig(20, 14))
    pose = look_at(rng.normal(size=3) * 10.0 ** rng.uniform(-0.5, 0.8), rng.normal(size=3) * 0.3, UP)
    camera = Intrinsics.centered(20, 14, 30.0)
    renderer.render_image(pose, camera)
    could = nodes_in_frustum(MICRO, octree, pose, camera)
    assert not (renderer.touched_mask[:-1] & ~could).any()
    assert renderer.touched.in_frustum == could.sum()
    assert 0 < renderer.touched.share <= 1


def test_nodes_beside_and_behind_the_camera_are_not_in_the_frustum() -> None:
    pose = look_at(np.array([0.0, -0.5, 0.0]), np.array([0.0, 9.0, 0.0]), UP)
    octree = Octree.full(2)
    seen = nodes_in_frustum(MICRO, octree, pose, Intrinsics.centered(400, 400, 4000.0))
    middle_y = -1.0 + (octree.cell[:, 1] + 0.5) * 2.0 / (1 << octree.depth)
    deep = octree.depth == 2
    assert seen[deep & (middle_y > 0)].any()
    assert not seen[deep & (middle_y < -0.9)].any()
    middle_x = -1.0 + (octree.cell[:, 0] + 0.5) * 2.0 / (1 << octree.depth)
    assert not seen[deep & (np.abs(middle_x) > 0.7)].any()


def test_batches_of_rays_change_nothing() -> None:
    scene = micro_scene()
    whole = InfNeRFRenderer(trained(), InfNeRFRendererConfig(24, 24)).render_image(scene.poses[0], scene.intrinsics[0])
    config = InfNeRFRendererConfig(24, 24, render_chunk_size=100, max_rays_per_batch=50)
    parts = InfNeRFRenderer(trained(), config).render_image(scene.poses[0], scene.intrinsics[0])
    assert np.allclose(whole["rgb"], parts["rgb"], atol=1e-5)
    assert set(whole) == {"rgb"}


def test_depth_alpha_and_a_matrix_for_the_camera() -> None:
    scene = micro_scene()
    config = InfNeRFRendererConfig(24, 24, save_depth=True, save_alpha=True)
    camera = scene.intrinsics[0]
    matrix = np.array([[camera.focal_length, 0, 12.0], [0, camera.focal_length, 12.0], [0, 0, 1.0]])
    a = InfNeRFRenderer(trained(), config).render_image(scene.poses[0], camera)
    b = InfNeRFRenderer(trained(), config).render_image(scene.poses[0], matrix)
    assert {name: values.shape for name, values in a.items()} == {
        "rgb": (24, 24, 3), "depth": (24, 24), "alpha": (24, 24),
    }  # fmt: skip
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert 0 <= a["alpha"].min() <= a["alpha"].max() <= 1 + 1e-6


def test_pictures_of_alpha_and_depth() -> None:
    """Sums of weights are a hair over 1 at times; scenes may be smaller than 1."""
    assert _codes("alpha", np.array([[1.0000002, 0.5, 0.0]], np.float32)).tolist() == [[255, 128, 0]]
    assert _codes("depth", np.array([[0.2, 0.4, 0.0]], np.float32)).tolist() == [[128, 0, 0]]


def test_demo_images_where_all_cameras_stand_at_one_place(tmp_path: Path) -> None:
    renderer = InfNeRFRenderer(trained(), InfNeRFRendererConfig(8, 8))
    poses = micro_scene().poses.copy()
    poses[:, :3, 3] = 0.0
    renderer.cameras = dataclasses.replace(micro_scene(), poses=poses).summary()
    assert len(render_demo_images(renderer, 2, tmp_path)) == 2


def test_demo_images_and_spiral_video(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    renderer = InfNeRFRenderer(trained(), InfNeRFRendererConfig(25, 24, save_depth=True))
    files = render_demo_images(renderer, 2, tmp_path / "images")
    assert sorted(f.name for f in files) == sorted(p.name for p in (tmp_path / "images").iterdir())
    assert len(files) == 4
    camera = Intrinsics.centered(25, 24, 30.0)
    renderer.render_spiral_video(np.zeros(3), 3.0, 5, camera, tmp_path / "spiral.mp4", quiet=True)
    with av.open(tmp_path / "spiral.mp4") as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 5
    assert frames[0].shape == (24, 24, 3)
    expected = next(iter(renderer.frames(spiral(np.zeros(3), 3.0, 5, up=UP), camera, quiet=True)))[:, :24]
    assert np.abs(frames[0].astype(int) - expected).mean() < 12
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_rendered_is_said(tmp_path: Path) -> None:
    renderer = InfNeRFRenderer(trained(), InfNeRFRendererConfig(8, 8))
    camera = Intrinsics.centered(8, 8, 10.0)
    with pytest.raises(ConfigError, match="camera_pose"):
        renderer.render_image(np.full((4, 4), np.nan), camera)
    with pytest.raises(ConfigError, match="intrinsics"):
        renderer.render_image(np.eye(4), np.zeros((3, 3)))
    with pytest.raises(ConfigError, match="at least one pose"):
        renderer.render_video(np.zeros((0, 4, 4)), camera, tmp_path / "x.mp4")
    with pytest.raises(ConfigError, match="positive radius"):
        renderer.render_spiral_video(np.zeros(3), 0.0, 5, camera, tmp_path / "x.mp4")
    assert list(tmp_path.iterdir()) == []
