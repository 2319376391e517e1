"""What each of two processes runs: a micro training, resumed once; results as JSON and a model's file in argv[1]."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from tests.trainer.nerfs.micro_nerf import MICRO, TRAINING, micro_scene
from todpack.trainer.nerfs.inf_nerf import InfNeRF, InfNeRFTrainer
from todpack.trainer.nerfs.inf_nerf.sharding import ShardedFields


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    config = dataclasses.replace(TRAINING, distributed=True)
    trainer = InfNeRFTrainer(InfNeRF(MICRO), micro_scene(), config, out_dir=folder, quiet=True)
    history = trainer.train()
    trainer.save_model(folder / "model.infnerf")
    fields = trainer.model.fields
    assert isinstance(fields, ShardedFields)
    again = InfNeRFTrainer(InfNeRF(MICRO), micro_scene(), config, out_dir=folder, quiet=True)
    resumed = again.resume()
    same = all(torch.equal(a, b) for a, b in zip(trainer.model.parameters(), again.model.parameters(), strict=True))
    report = {
        "history": history,
        "n_nodes": len(trainer.model.octree),
        "top": fields.top.nodes.tolist(),
        "own": fields.own.nodes.tolist(),
        "top_sum": float(fields.top.records().double().sum()),
        "moments": sum(state["exp_avg"].numel() for state in trainer.optimizer.state.values()),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "resumed": resumed and again.epoch == config.num_epochs and same,
    }
    (folder / f"rank{trainer.rank}.json").write_text(json.dumps(report))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
