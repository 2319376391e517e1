"""A training from data to run folder, as `todpack nerf train` does it.

config.json     configurations, where the data came from, figures
model.infnerf   the model, of which single nodes can be read
log.csv         one line per epoch
last.ckpt       to resume from (last.rank1.ckpt ... of further processes)
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from todpack.decompressor.files import write_text
from todpack.decompressor.json_fields import read_shallow
from todpack.decompressor.signatures import is_earlier_output
from todpack.frames.errors import DataError
from todpack.packer.configuration import from_json
from todpack.packer.errors import ConfigError
from todpack.packer.run_folder import CONFIG_NAME

from ...device import pick_device
from ...errors import TrainingError
from ...presets import load_preset
from ...run_folder import finish_run
from ..config import InfNeRFConfig, InfNeRFTrainerConfig, SceneConfig
from .analytic_scene import make_scene
from .evaluation import ScaleScore, score_scales
from .model import InfNeRF
from .model_file import MODEL_NAME, ModelFile
from .node_fields import FieldLayout
from .posed_images import TRANSFORMS_NAME, PosedImages, read_posed_images
from .processes import join, shared_work_folder
from .renderer import InfNeRFRenderer
from .trainer import InfNeRFTrainer

HELD_OUT_SEED = 1000
SINGLE_LEVEL_HIDDEN = 64


def load_data(scene: SceneConfig) -> tuple[PosedImages, PosedImages | None]:
    """Training and held-out images.

    Raises:
        DataError: see `read_posed_images`.
    """
    if not scene.data:
        train = make_scene(scene.scene_images, scene.scene_size, 0, scene.scene_rays)
        return train, make_scene(scene.scene_test_images, scene.scene_size, HELD_OUT_SEED, scene.scene_rays)
    folder = Path(scene.data)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder with {TRANSFORMS_NAME}, found nothing there")
    if not (folder / TRANSFORMS_NAME).is_file() and (folder / "transforms_train.json").is_file():
        tests = [name for name in ("transforms_test.json", "transforms_val.json") if (folder / name).is_file()]
        return read_posed_images(folder, "transforms_train.json"), (
            read_posed_images(folder, tests[0]) if tests else None
        )
    images = read_posed_images(folder).hold_out(scene.hold_out)
    return images, images.held_out


def single_level_like(path: Path) -> InfNeRFConfig:
    """One field with as many parameters as a model has, over the same cube, down to the same GSD.

    Raises:
        TrainingError: no such model.
    """
    file = ModelFile(path / MODEL_NAME if path.is_dir() else path)
    config, wanted = file.config, file.layout.n_parameters * (len(file.octree) + 1)
    file.close()
    single = dataclasses.replace(
        config,
        max_depth=0,
        proposal_depth=0,
        hidden_dim=max(SINGLE_LEVEL_HIDDEN, config.hidden_dim),
        grid_resolution=config.grid_resolution << config.max_depth,
        encoding_levels=config.encoding_levels + config.max_depth,
    )
    low, high = 8, 1 << 26  # entries of the largest grids: the most with which the two fields fit into `wanted`
    while high - low > 1:
        middle = (low + high) // 2
        n_parameters = 2 * FieldLayout(dataclasses.replace(single, table_size=middle)).n_parameters
        low, high = (middle, high) if n_parameters <= wanted else (low, middle)
    return dataclasses.replace(single, table_size=low)


def resolve(preset: str, given: dict[str, Any]) -> tuple[InfNeRFConfig, InfNeRFTrainerConfig, SceneConfig]:
    """Configurations of a preset with options changed.

    Raises:
        ConfigError: an unknown preset or option, or a value out of range.
    """
    values, parts = {**load_preset("infnerf", preset), **given}, []
    for kind in (InfNeRFConfig, InfNeRFTrainerConfig, SceneConfig):
        names = {spec.name for spec in dataclasses.fields(kind)}
        parts.append({name: value for name, value in values.items() if name in names})
    unknown = sorted(set(values) - {name for part in parts for name in part})
    if unknown:
        raise ConfigError(f"preset {preset}: unknown key {unknown[0]!r}")
    model, trainer, scene = parts
    where = "configuration"
    return (
        from_json(InfNeRFConfig, model, where),
        InfNeRFTrainerConfig.from_json(trainer, where),
        from_json(SceneConfig, scene, where),
    )


def train_run(
    model_config: InfNeRFConfig,
    config: InfNeRFTrainerConfig,
    scene: SceneConfig,
    out_dir: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    own_bound: bool = False,
) -> tuple[dict[str, Any], list[ScaleScore]]:
    """Train and write the run folder.

    Args:
        model_config: Sizes of the model; its cube is the data's where the data says one.
        config: How to train.
        scene: Where images come from.
        out_dir: Run folder; created if need be.
        device: "auto", "cpu" or "cuda".
        resume: Continue from the checkpoint that is there; without one, start afresh.
        overwrite: Replace a run that is already there.
        quiet: No progress bar.
        own_bound: The configuration's cube counts, whatever the data says.

    Returns:
        The figures of config.json, and the scores of the held-out images (empty without any, and in all processes but
        the first).

    Raises:
        TodpackError: its message says what was expected.
        OutputError: the folder cannot be written.
    """
    chosen = pick_device(device)
    if chosen.type == "cuda":
        chosen = torch.device("cuda", config.local_rank)
        torch.cuda.set_device(chosen)
    train_images, held_out = load_data(scene)
    if train_images.scene_bound is not None and not own_bound:
        model_config = dataclasses.replace(model_config, scene_bound=float(train_images.scene_bound))
    rank, n_processes = join() if config.distributed else (0, 1)
    work = shared_work_folder(out_dir, rank, n_processes, resume=resume, overwrite=overwrite)
    model = InfNeRF(model_config)
    trainer = InfNeRFTrainer(model, train_images, config, out_dir=work, device=chosen, quiet=quiet)
    if resume:
        trainer.resume()
    trainer.train()
    trainer.save_model(work / MODEL_NAME)
    figures: dict[str, Any] = {
        "nodes": len(model.octree),
        "parameters": (len(model.octree) + 1) * FieldLayout(model_config).n_parameters,
        "train_seconds": round(trainer.seconds, 1),
        "processes": n_processes,
        "final_losses": trainer.history[-1] if trainer.history else None,
    }
    scores: list[ScaleScore] = []
    if rank == 0:
        if held_out is not None:
            scores = score_scales(InfNeRFRenderer.from_checkpoint(work, device=chosen).model, held_out)
        figures["held_out"] = [dataclasses.asdict(score) for score in scores]
        record = {
            "family": "inf_nerf",
            "model": dataclasses.asdict(model_config),
            "trainer": dataclasses.asdict(config),
            "scene": dataclasses.asdict(scene),
            "images": _digests(train_images, held_out),
            "figures": figures,
        }
        write_text(work / CONFIG_NAME, json.dumps(record, indent=2, sort_keys=True) + "\n", durable=True)
    if n_processes > 1:
        dist.barrier()
        dist.destroy_process_group()
    if rank == 0:
        finish_run(work, out_dir)
        for path in out_dir.glob("last.rank[0-9]*.ckpt"):
            is_older = int(path.stem.removeprefix("last.rank")) >= n_processes
            if is_older and is_earlier_output(path):  # of a run of more processes, now replaced
                path.unlink()
    return figures, scores


def _digests(training: PosedImages, held_out: PosedImages | None) -> dict[str, str | None]:
    return {"training": training.digest, "held_out": None if held_out is None else held_out.digest}


def data_of_run(run: Path, warn: Callable[[str], object]) -> tuple[PosedImages, PosedImages]:
    """Training and held-out images of a run, read again from where they came from.

    Args:
        run: Run folder.
        warn: Told where an older run does not say which images it is of.

    Raises:
        TrainingError: not a finished run, or its data hold other images than then, so that those which are held out now
            may be among those that it was trained on.
        ConfigError: nothing is held out.
        DataError: the data cannot be read.
    """
    path = run / CONFIG_NAME
    try:
        record = read_shallow(path)
        scene, known = from_json(SceneConfig, record["scene"], str(path)), record.get("images")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise TrainingError(f"{path}: expected the config.json of a finished run of `todpack nerf train`") from error
    training, held_out = load_data(scene)
    if held_out is None:
        raise ConfigError(f"{run}: expected held-out images in its data, found none")
    found = _digests(training, held_out)
    if not isinstance(known, dict):
        warn(
            f"{run}: is of a time when runs did not say of which images they are; held-out ones may have changed since"
        )
    elif all(known.get(name) != digest for name, digest in found.items()):
        raise TrainingError(
            f"{run}: expected the images of its training in {scene.data or 'the built-in scene'}, found others; those "
            "that are held out now may be such as it was trained on"
        )
    return training, held_out
