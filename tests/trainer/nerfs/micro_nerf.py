"""A model that trains in a second or two, and the images it learns from."""

from __future__ import annotations

import functools

from todpack.trainer.nerfs.inf_nerf import (
    InfNeRF,
    InfNeRFConfig,
    InfNeRFTrainer,
    InfNeRFTrainerConfig,
    PosedImages,
    make_scene,
)

MICRO = InfNeRFConfig(
    max_depth=2, hidden_dim=8, num_samples=12, grid_resolution=8, base_resolution=4, encoding_levels=2,
    features_per_level=2, table_size=256, geo_features=3, proposal_samples=12, proposal_depth=1, background_samples=2,
)  # fmt: skip
TRAINING = InfNeRFTrainerConfig(
    num_epochs=4, steps_per_epoch=10, rays_batch_size=256, lr_init=5e-2, prune_every=2, level_pairs=32,
    replicated_depth=1,
)  # fmt: skip


@functools.cache
def micro_scene() -> PosedImages:
    """10 images of 24 x 24."""
    return make_scene(10, 24, rays_per_axis=2, n_points=3000)


@functools.cache
def trained() -> InfNeRF:
    """A model after 40 steps; not to be changed."""
    model = InfNeRF(MICRO)
    InfNeRFTrainer(model, micro_scene(), TRAINING, quiet=True).train()
    return model
