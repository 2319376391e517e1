"""The fit of an InfNeRF to posed images, in one process or several."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from todpack.decompressor.files import make_folder
from todpack.decompressor.json_fields import is_number
from todpack.frames.digest import arrays_digest
from todpack.packer.errors import ConfigError
from todpack.packer.progress import ProgressLine

from ...checkpoint import MISFITS, check_identity, load_checkpoint, load_optimizer, save_checkpoint
from ...device import out_of_memory_is_one_line
from ...errors import TrainingError
from ...progress import EpochLog
from ..config import InfNeRFTrainerConfig
from .evaluation import ScaleScore, score_scales
from .model import InfNeRF
from .model_file import write_model
from .node_fields import FieldLayout, NodeFields
from .octree import Octree
from .posed_images import PosedImages
from .processes import all_agree, join, others_failing_is_one_line, same_everywhere
from .pruning import leaf_opacity, parts_of, restrict
from .rays import PixelPyramid, RayBatch
from .sharding import ShardedFields, gather_records, owners, owners_as_held
from .volume import VolumeRenderer

log = logging.getLogger("todpack.train")

NEAR = 1e-3  # of the scene's bound
FAR = math.inf
MAX_DEPTH_WITHOUT_POINTS = 4
SAVE_SECONDS = 20.0
BEST_NAME = Path("checkpoints", "best.pth")
MEMORY_OPTIONS = "--rays-batch-size, --num-samples, --table-size or --hidden-dim"


class InfNeRFTrainer:
    """One training run.

    Attributes:
        model: Trained in place.
        config: Its configuration.
        epoch: Epochs finished.
        seconds: Spent in them.
        history: Mean losses of each epoch of this process's life.
        best_db: PSNR of the held-out images, full size, of the model in checkpoints/best.pth; -inf before there is one.
    """

    def __init__(
        self,
        model: InfNeRF,
        train_dataset: PosedImages,
        config: InfNeRFTrainerConfig | None = None,
        *,
        val_dataset: PosedImages | None = None,
        out_dir: str | Path | None = None,
        device: torch.device | None = None,
        quiet: bool = False,
    ) -> None:
        """Give the model its octree, unless it has one, and get ready.

        Args:
            model: With the root alone, or already built. Fields of a class of your own, an `nn.Module`, are trained as
                they are: no nodes are pruned, and nothing but log.csv is written, since only you can write them.
            train_dataset: Posed images; with sparse points, the octree has the nodes that these need.
            config: How to train.
            val_dataset: Held-out images for `validate`; None: those that `train_dataset` says were held out of it.
            out_dir: Folder for checkpoints and log.csv; None writes nothing.
            device: Where to train; None: CUDA device `local_rank` where there is one, else the CPU.
            quiet: No progress bar.

        Raises:
            ConfigError: `distributed` without torchrun's variables, or too deep an octree without points.
            DataError: no images.
        """
        self.config = config or InfNeRFTrainerConfig()
        self.rank, self.n_processes = 0, 1
        if self.config.distributed:
            self.rank, self.n_processes = join()
        if device is None:
            device = torch.device(f"cuda:{self.config.local_rank}" if torch.cuda.is_available() else "cpu")
        if device.type == "cuda":
            torch.cuda.set_device(device)
        self.model, self.device = model.to(device), device
        self.out_dir = None if out_dir is None else Path(out_dir)
        self.dataset, self.val_dataset = train_dataset, val_dataset or train_dataset.held_out
        self._quiet = quiet or self.rank > 0
        arrays = (train_dataset.poses, train_dataset.points, train_dataset.scales, *train_dataset.images)
        self._images = arrays_digest(array for array in arrays if array is not None)
        self.pixels = PixelPyramid(train_dataset, self.config.pyramid_levels, device)
        self.steps_per_epoch = self.config.steps_per_epoch or math.ceil(
            self.pixels.n_pixels / self.config.rays_batch_size
        )
        self._has_own_fields = not isinstance(model.fields, (NodeFields, ShardedFields))
        if self._has_own_fields and self.n_processes > 1:
            raise ConfigError("distributed: expected the fields of this package, found a class of your own")
        if len(model.octree) == 1 and model.config.max_depth > 0 and not self._has_own_fields:
            model.build(self._first_octree())
        if self.n_processes > 1:
            owner = owners(model.octree, self.config.replicated_depth, self.n_processes)
            model.build(model.octree, ShardedFields(model.config, owner).to(device))
        model.level_pairs = self.config.level_pairs
        self.losses = VolumeRenderer(self.config.losses)
        self.epoch, self.seconds, self.history = 0, 0.0, cast("list[dict[str, float]]", [])
        self.best_db = -math.inf
        self._saved_at = time.monotonic()
        self._prepare()

    def _first_octree(self) -> Octree:
        points, scales = self.dataset.points, self.dataset.scales
        config = self.model.config
        if points is not None and scales is not None:
            return Octree.from_points(config, points, scales)
        if config.max_depth > MAX_DEPTH_WITHOUT_POINTS:
            raise ConfigError(
                f"{self.dataset.name}: expected sparse_points for an octree of depth {config.max_depth}, found none; "
                f"add them, or lower --max-depth to {MAX_DEPTH_WITHOUT_POINTS}"
            )
        return Octree.full(config.max_depth)

    def _prepare(self, states: list[dict[Tensor, dict]] | None = None) -> None:
        """Optimizer and parallel wrapper for the parameters as they are now."""
        tables: list[Tensor] = []
        layers: list[Tensor] = []
        for part in self._parts():
            for name, value in part.values().items():
                (tables if name == "table" else layers).append(value)
        if self._has_own_fields:
            tables = list(self.model.parameters())
        self._rates = (1.0, self.config.mlp_lr_fraction)
        groups = [{"params": tables}, {"params": layers}]  # the second one may be empty
        self.optimizer = torch.optim.Adam(groups, lr=self.config.lr_init, betas=(0.9, 0.99), eps=1e-15, fused=True)
        for state in states or []:
            self.optimizer.state.update(state)
        self._forward: nn.Module = self.model
        if self.n_processes > 1:
            own = [f"fields.own.{name}" for name in self._parts()[1].values()]
            own += [name for name, _ in self.model.named_buffers()]  # node numbers, which differ between processes
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self.model, own)
            self._forward = DistributedDataParallel(self.model)

    def _parts(self) -> list[NodeFields]:
        fields = self.model.fields
        return parts_of(fields) if isinstance(fields, (NodeFields, ShardedFields)) else []

    def train(self) -> list[dict[str, float]]:
        """Train to the last epoch; `history`.

        With `out_dir`, checkpoints/best.pth there is the model of the epoch with the best PSNR of the held-out images,
        or without such images the last one.

        Raises:
            TrainingError: the loss diverged, or memory ran out.
        """
        csv_log = None
        if self.out_dir is not None and self.rank == 0:
            csv_log = EpochLog(self.out_dir / "log.csv", self.epoch, ("nodes",))
        with (
            ProgressLine("train", "epoch", self.config.num_epochs, self.epoch, quiet=self._quiet) as line,
            out_of_memory_is_one_line(self.device, MEMORY_OPTIONS),
            others_failing_is_one_line(self.n_processes),
        ):
            while self.epoch < self.config.num_epochs:
                started = time.monotonic()
                means = self._train_epoch()
                self.epoch += 1
                if self._prunes_now():
                    self.prune()
                self.seconds += time.monotonic() - started
                self.history.append(means)
                psnr_db = -10.0 * math.log10(max(means["rgb"], 1e-12))
                if csv_log is not None:
                    rates = [group["lr"] for group in self.optimizer.param_groups]
                    nodes = (str(len(self.model.octree)),)
                    csv_log.append(self.epoch - 1, means["total"], psnr_db, rates[1], rates[0], self.seconds, nodes)
                found = self._keep_best()
                self._save_sometimes()
                note = f"{psnr_db:.2f} dB, {len(self.model.octree)} nodes"
                line.update(self.epoch, note=note if found is None else f"{note}, held out {found:.2f} dB")
        if self._writes_models and self.best_db == -math.inf:
            self.save_model(self._best_path)
        return self.history

    @property
    def _writes_models(self) -> bool:
        return self.out_dir is not None and not self._has_own_fields

    @property
    def _best_path(self) -> Path:
        assert self.out_dir is not None
        return self.out_dir / BEST_NAME

    def _keep_best(self) -> float | None:
        """Validate, if this epoch is one to do it, and keep the model if it is the best; the PSNR found."""
        every = self.config.val_every
        if not self._writes_models or self.val_dataset is None or every == 0:
            return None
        if self.epoch % every and self.epoch != self.config.num_epochs:
            return None
        found = score_scales(self.model, self.val_dataset, 1)[0].psnr_db
        if self.n_processes > 1:  # rounding may differ between processes: one decides
            decided = torch.tensor(found, device=self.device)
            dist.broadcast(decided, 0)
            found = float(decided)
        if found > self.best_db:
            self.best_db = found
            self.save_model(self._best_path)
        return found

    def _train_epoch(self) -> dict[str, float]:
        seed = self.config.seed * 1_000_003 + self.epoch
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed * 1009 + self.rank)
        self.model.train()
        sums: dict[str, float] = {}
        for step in range(self.steps_per_epoch):
            index = torch.randint(self.pixels.n_pixels, (self.config.rays_batch_size,), generator=generator)
            done = self.epoch + step / self.steps_per_epoch
            self._set_rates(done / self.config.num_epochs)
            losses = self.train_step(self.pixels.batch(index[self.rank :: self.n_processes].contiguous()))
            if not math.isfinite(losses["total"]):
                raise TrainingError(f"epoch {self.epoch + 1}: the loss is not finite; lower --lr-init")
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value / self.steps_per_epoch
        return sums

    def _set_rates(self, progress: float) -> None:
        rate = self.config.lr_init * self.config.lr_final_fraction**progress
        for group, factor in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def train_step(self, batch: RayBatch) -> dict[str, float]:
        """One step of the optimizer on this process's rays.

        Returns:
            Losses by name, means over all processes; see `VolumeRenderer.compute_losses`.
        """
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.mixed_precision):
            outputs = self._forward(
                batch.rays_o,
                batch.rays_d,
                NEAR * self.model.config.scene_bound,
                FAR,
                batch.focal_length,
                batch.pixel_width,
            )
        losses = self.losses.compute_losses(outputs, {"rgb": batch.rgb})
        losses["total"].backward()
        if self.n_processes > 1:
            for value in self._parts()[1].values().values():
                if value.grad is not None:
                    value.grad /= self.n_processes
        self.optimizer.step()
        values = torch.stack([loss.detach() for loss in losses.values()])
        if self.n_processes > 1:
            dist.all_reduce(values)
            values /= self.n_processes
        return dict(zip(losses, values.tolist(), strict=True))

    def validate(self) -> list[ScaleScore]:
        """PSNR of the held-out images at each scale, and the nodes that they touch.

        Raises:
            ConfigError: there are none.
        """
        if self.val_dataset is None:
            raise ConfigError("validate: expected held-out images, found none")
        return score_scales(self.model, self.val_dataset)

    def _prunes_now(self) -> bool:
        every = self.config.prune_every
        is_due = every > 0 and self.epoch % every == 0 and 2 * self.epoch <= self.config.num_epochs
        return is_due and not self._has_own_fields

    def prune(self) -> int:
        """Take out the leaves in which nothing is dense; how many nodes went."""
        octree = self.model.octree
        leaves, opacity = leaf_opacity(self.model, self.config.seed + self.epoch)
        kept = np.ones(len(octree), bool)
        kept[leaves[opacity < self.config.prune_opacity]] = False
        if self.n_processes > 1:  # rounding may differ between processes: one decides
            decided = torch.from_numpy(kept.astype(np.int64)).to(self.device)
            dist.broadcast(decided, 0)
            kept = decided.cpu().numpy().astype(bool)
        if kept.all():
            return 0
        smaller, old = octree.keep(kept)
        self._prepare(restrict(self.model, smaller, old, self.optimizer))
        return len(octree) - len(smaller)

    def save_model(self, path: str | Path) -> None:
        """Write the file that `InfNeRFRenderer.from_checkpoint` reads; every process must call it, the first writes.

        Raises:
            OutputError: it cannot be written.
        """
        fields = self.model.fields
        assert isinstance(fields, (NodeFields, ShardedFields))
        records = gather_records(fields, len(self.model.octree) + 1)
        if records is not None:
            make_folder(Path(path).parent)
            write_model(Path(path), self.model.config, self.model.octree, records, self.dataset.summary())

    def _checkpoint_path(self) -> Path:
        assert self.out_dir is not None
        return self.out_dir / ("last.ckpt" if self.rank == 0 else f"last.rank{self.rank}.ckpt")

    def _save_sometimes(self) -> None:
        if not self._writes_models:
            return
        due = torch.tensor(float(time.monotonic() - self._saved_at > SAVE_SECONDS), device=self.device)
        if self.n_processes > 1:
            dist.broadcast(due, 0)
        if bool(due) or self.epoch == self.config.num_epochs:
            self.save_checkpoint()
            self._saved_at = time.monotonic()

    def save_checkpoint(self) -> None:
        """Write what `resume` reads: this process's parameters and optimizer."""
        state = {
            "family": "inf_nerf",
            "identity": self._identity(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "best_db": self.best_db,
            "depth": torch.from_numpy(self.model.octree.depth),
            "cell": torch.from_numpy(self.model.octree.cell),
            "nodes": [part.nodes for part in self._parts()],
            "records": [part.records() for part in self._parts()],
            "optimizer": self.optimizer.state_dict(),
        }
        save_checkpoint(self._checkpoint_path(), state)

    def resume(self) -> bool:
        """Go on where the last checkpoint in `out_dir` stopped; False if there is none.

        Raises:
            TrainingError: unreadable, of another configuration or dataset, or the processes' files do not fit together.
        """
        path = self._checkpoint_path()
        if not all_agree(path.is_file(), self.n_processes, self.device):
            return False
        saved = load_checkpoint(path)
        check_identity(path, saved, self._identity())
        try:
            octree = Octree(saved["depth"].numpy(), saved["cell"].numpy())
            self._check_records(saved, len(octree) + 1)
            parts = [
                NodeFields(self.model.config, *both) for both in zip(saved["nodes"], saved["records"], strict=True)
            ]
            fields: NodeFields | ShardedFields = parts[0]
            if self.n_processes > 1:
                owner = owners_as_held(saved["nodes"][1].to(self.device), len(octree) + 1)
                fields = ShardedFields(self.model.config, owner, torch.cat(saved["records"]))
            self.model.build(octree, fields.to(self.device))
            self._prepare()
            load_optimizer(self.optimizer, saved["optimizer"])
            epoch, seconds, best_db = saved["epoch"], saved["seconds"], saved.get("best_db", -math.inf)
            if type(epoch) is not int or not 0 <= epoch <= self.config.num_epochs or not is_number(seconds):
                raise ValueError("expected epochs and seconds, found something else")
            if type(best_db) is not float or math.isnan(best_db):
                raise ValueError("best_db: expected a number, found something else")
            self.epoch, self.seconds, self.best_db = epoch, seconds, best_db
        except MISFITS as error:
            raise TrainingError(f"{path}: not a checkpoint of this model: {error}") from error
        if not same_everywhere(self.epoch, self.n_processes, self.device):
            raise TrainingError(f"{path}: the processes' checkpoints are of different epochs; train anew")
        if self.rank == 0:
            log.info("resumed after epoch %d of %d", self.epoch, self.config.num_epochs)
        return True

    def _check_records(self, saved: dict[str, Any], n_fields: int) -> None:
        """Raise ValueError, or what torch raises, where a checkpoint's records are not of so many fields."""
        n_parameters = FieldLayout(self.model.config).n_parameters
        for nodes, records in zip(saved["nodes"], saved["records"], strict=True):
            found = nodes.ndim, nodes.dtype, records.shape, records.dtype
            if found != (1, torch.int64, (len(nodes), n_parameters), torch.float32):
                raise ValueError("records: expected the parameters of each node, found something else")
        if self.n_processes == 1 and saved["nodes"][0].tolist() != list(range(n_fields)):
            raise ValueError("nodes: expected all of the octree's, found others")

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        trainer = {k: v for k, v in asdict(self.config).items() if k not in ("local_rank", "distributed", "val_every")}
        return {
            **{f"model.{k}": list(v) if isinstance(v, tuple) else v for k, v in asdict(self.model.config).items()},
            **trainer,
            "processes": self.n_processes,
            "n_pixels": self.pixels.n_pixels,
            "pose_sum": float(self.dataset.poses.sum()),
            "images": self._images,
            "cameras": [asdict(one) for one in self.dataset.intrinsics],
        }
