"""The fit: it learns, prunes, stops and goes on."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.trainer.nerfs.micro_nerf import MICRO, TRAINING, micro_scene  # noqa: E402
from todpack.frames.errors import DataError  # noqa: E402
from todpack.packer.errors import ConfigError  # noqa: E402
from todpack.trainer.errors import TrainingError  # noqa: E402
from todpack.trainer.nerfs.inf_nerf import (  # noqa: E402
    InfNeRF,
    InfNeRFRenderer,
    InfNeRFTrainer,
    InfNeRFTrainerConfig,
    Octree,
)
from todpack.trainer.nerfs.inf_nerf.evaluation import score_scales  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.model_file import ModelFile  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.node_fields import NodeFields  # noqa: E402


def fit(config: InfNeRFTrainerConfig = TRAINING, out: Path | None = None, **options: object) -> InfNeRFTrainer:
    scene = micro_scene()
    return InfNeRFTrainer(
        InfNeRF(MICRO), scene.subset(list(range(8))), config, val_dataset=scene.subset([8, 9]), out_dir=out,
        device=torch.device("cpu"), quiet=True, **options,
    )  # fmt: skip


@pytest.mark.thorough
def test_loss_falls_and_held_out_views_get_better(tmp_path: Path) -> None:
    trainer = fit(out=tmp_path)
    before = trainer.validate()
    history = trainer.train()
    after = trainer.validate()
    assert len(history) == 4
    assert history[-1]["rgb"] < 0.7 * history[0]["rgb"]
    assert set(history[0]) == {"rgb", "distortion", "level", "transparency", "total"}
    assert [score.scale for score in after] == [1.0, 0.5, 0.25, 0.125]
    gains = [b.psnr_db - a.psnr_db for a, b in zip(before, after, strict=True)]
    assert min(gains[:3]) > 3.0
    assert after[3].touched_share < after[0].touched_share
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2, 3]
    assert int(rows[-1]["nodes"]) == len(trainer.model.octree)


def test_octree_comes_from_the_sparse_points() -> None:
    scene = micro_scene()
    trainer = fit()
    expected = Octree.from_points(MICRO, scene.points, scene.scales)
    assert np.array_equal(trainer.model.octree.cell, expected.cell)
    assert 1 < len(expected) < len(Octree.full(2))


@pytest.mark.thorough
def test_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    """Stopped after 2 of 4 epochs, pruned in between; the same parameters to the last bit."""
    whole = fit()
    whole.train()
    first = fit(out=tmp_path)
    first.config = dataclasses.replace(TRAINING, num_epochs=4)
    for _ in range(2):
        first._train_epoch()
        first.epoch += 1
        if first._prunes_now():
            first.prune()
    first.save_checkpoint()
    second = fit(out=tmp_path)
    assert second.resume()
    assert second.epoch == 2
    second.train()
    assert np.array_equal(whole.model.octree.cell, second.model.octree.cell)
    pairs = zip(whole.model.parameters(), second.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_resume_without_a_checkpoint_starts_anew(tmp_path: Path) -> None:
    assert not fit(out=tmp_path).resume()


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_bad_checkpoint_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"last\.ckpt: not a readable checkpoint"):
        fit(out=tmp_path).resume()


MOMENT = ("optimizer", "state", 0, "exp_avg")


@pytest.mark.parametrize(
    ("place", "value"),
    [(("epoch",), "x"), (("epoch",), 10**12), (("seconds",), None), (("best_db",), math.nan), (("nodes", 0), "x"),
     (("records", 0), torch.ones(7, 5)), (MOMENT, torch.ones(7, 5)), (MOMENT, None),
     (("optimizer", "state", 0, "step"), torch.ones(2)), (("optimizer", "state", 0), {"step": torch.zeros(())})],
)  # fmt: skip
def test_a_checkpoint_whose_fields_do_not_fit_is_refused(tmp_path: Path, place: tuple[Any, ...], value: object) -> None:
    """What torch's fused Adam would take for moments beyond their memory, too."""
    trained = fit(dataclasses.replace(TRAINING, num_epochs=1, prune_every=0), out=tmp_path)
    trained.train()
    assert trained.resume()
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    *outer, last = place
    functools.reduce(operator.getitem, outer, saved)[last] = value
    torch.save(saved, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match=r"last\.ckpt: not a checkpoint of this model"):
        trained.resume()


def test_checkpoint_of_other_options_is_refused(tmp_path: Path) -> None:
    fit(out=tmp_path).save_checkpoint()
    with pytest.raises(TrainingError, match="different: lr_init"):
        fit(dataclasses.replace(TRAINING, lr_init=0.5), out=tmp_path).resume()


def test_pruning_takes_empty_leaves_and_keeps_parameters_and_moments() -> None:
    trainer = fit()
    trainer._train_epoch()
    fields = trainer.model.fields
    assert isinstance(fields, NodeFields)
    octree = trainer.model.octree
    empty = int(np.flatnonzero(octree.leaves() & (octree.depth > 0))[3])
    with torch.no_grad():
        fields.density_out_bias[:, 0, 0] = 8.0
        fields.density_out_bias[empty, 0, 0] = -30.0
    table, moment = fields.table.detach().clone(), trainer.optimizer.state[fields.table]["exp_avg"].clone()
    removed_cell = octree.cell[empty].tolist(), int(octree.depth[empty])
    assert trainer.prune() == 1
    kept = [i for i in range(len(octree) + 1) if i != empty]
    assert torch.equal(fields.table, table[kept])
    assert torch.equal(trainer.optimizer.state[fields.table]["exp_avg"], moment[kept])
    left = trainer.model.octree
    assert removed_cell not in [(c, int(d)) for c, d in zip(left.cell.tolist(), left.depth, strict=True)]
    assert fields.nodes.tolist() == list(range(len(left) + 1))
    trainer._train_epoch()  # goes on with the smaller model


def test_saved_model_is_the_trained_one(tmp_path: Path) -> None:
    trainer = fit()
    trainer.save_model(tmp_path / "model.infnerf")
    assert isinstance(trainer.model.fields, NodeFields)
    assert torch.equal(ModelFile(tmp_path / "model.infnerf").records(), trainer.model.fields.records())


def test_a_diverged_loss_is_told() -> None:
    trainer = fit()
    with torch.no_grad():
        trainer.model.fields.color_out_bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="epoch 1: the loss is not finite; lower --lr-init"):
        trainer.train()


@pytest.mark.thorough
def test_mixed_precision_learns_too() -> None:
    history = fit(dataclasses.replace(TRAINING, mixed_precision=True)).train()
    assert history[-1]["rgb"] < 0.7 * history[0]["rgb"]


def test_what_cannot_be_trained_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = micro_scene()
    with pytest.raises(DataError, match="at least one image"):
        InfNeRFTrainer(InfNeRF(MICRO), scene.subset([]), TRAINING, quiet=True)
    deep = InfNeRF(dataclasses.replace(MICRO, max_depth=8))
    bare = dataclasses.replace(scene, points=None, scales=None)
    with pytest.raises(ConfigError, match=r"expected sparse_points .* depth 8"):
        InfNeRFTrainer(deep, bare, TRAINING, quiet=True)
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="variables of torchrun"):
        fit(dataclasses.replace(TRAINING, distributed=True))
    with pytest.raises(ConfigError, match="held-out"):
        InfNeRFTrainer(InfNeRF(MICRO), scene, TRAINING, quiet=True).validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_epochs", 0), ("lr_init", float("nan")), ("lr_init", 0.0), ("rays_batch_size", 2.5), ("prune_opacity", -1.0)],
)
def test_values_out_of_range_are_told(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match="--" + name.replace("_", "-")):
        dataclasses.replace(TRAINING, **{name: value})


def test_without_points_all_nodes_are_there() -> None:
    bare = dataclasses.replace(micro_scene(), points=None, scales=None)
    trainer = InfNeRFTrainer(InfNeRF(MICRO), bare, TRAINING, quiet=True)
    assert len(trainer.model.octree) == 73


class Blobs(torch.nn.Module):
    """Fields of one's own: a density and a color per node, and nothing else."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.log_density = torch.nn.Parameter(torch.zeros(n))
        self.color = torch.nn.Parameter(torch.zeros(n, 3))

    def forward(self, node: torch.Tensor, place: torch.Tensor, direction: torch.Tensor | None) -> torch.Tensor:
        density = self.log_density[node].exp()[:, None]
        return density if direction is None else torch.cat([density, torch.sigmoid(self.color[node])], dim=1)


def test_a_field_class_of_ones_own_is_trained(tmp_path: Path) -> None:
    octree, scene = Octree.full(1), micro_scene()
    fields = Blobs(len(octree) + 1)
    model = InfNeRF(MICRO, octree, fields)
    trainer = InfNeRFTrainer(
        model, scene.subset(list(range(8))), TRAINING, val_dataset=scene.subset([8, 9]), out_dir=tmp_path,
        device=torch.device("cpu"), quiet=True,
    )  # fmt: skip
    before = trainer.validate()[0].psnr_db
    history = trainer.train()
    assert model.fields is fields
    assert history[-1]["rgb"] < history[0]["rgb"]
    assert trainer.validate()[0].psnr_db > before + 1.0
    assert len(model.octree) == len(octree)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.thorough
def test_best_is_the_best_validated(tmp_path: Path) -> None:
    """An epoch that undoes all is not kept, also after a stop."""
    trainer = fit(out=tmp_path, config=dataclasses.replace(TRAINING, prune_every=0, num_epochs=3))
    found: list[float] = []
    plain = trainer._train_epoch

    def epoch() -> dict[str, float]:
        means = plain()
        if trainer.epoch == 2:
            with torch.no_grad():
                for value in trainer.model.parameters():
                    value.zero_()
        found.append(trainer.validate()[0].psnr_db)
        return means

    trainer._train_epoch = epoch  # type: ignore[method-assign]
    trainer.train()
    assert found[2] < max(found[:2]) == trainer.best_db
    best = InfNeRFRenderer.from_checkpoint(tmp_path / "checkpoints" / "best.pth").model
    assert score_scales(best, micro_scene().subset([8, 9]), 1)[0].psnr_db == pytest.approx(trainer.best_db, abs=0.05)
    again = fit(out=tmp_path, config=dataclasses.replace(TRAINING, prune_every=0, num_epochs=3))
    assert again.resume()
    assert again.best_db == trainer.best_db


def test_without_held_out_views_best_is_the_last(tmp_path: Path) -> None:
    trainer = fit(out=tmp_path, config=dataclasses.replace(TRAINING, num_epochs=1, val_every=0))
    trainer.train()
    assert trainer.best_db == -np.inf
    assert (tmp_path / "checkpoints" / "best.pth").is_file()
