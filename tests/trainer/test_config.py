"""Configuration: presets, unknown keys, and the range of every option."""

from __future__ import annotations

from typing import Any

import pytest

from todpack.packer.configuration import from_json
from todpack.packer.errors import ConfigError
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.trainer.presets import load_preset

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("name", ["fast", "full", "ab"])
def test_presets_are_complete_and_valid(name: str) -> None:
    config = from_json(GridMlpConfig, load_preset("gridmlp", name))
    assert config.grid_levels == (16, 32, 64, 128)
    assert config.residual_mode is True


def test_full_preset_has_the_recipe_s_numbers() -> None:
    config = from_json(GridMlpConfig, load_preset("gridmlp", "full"))
    assert (config.epochs, config.batch_size, config.hidden, config.layers) == (150, 16384, 256, 8)
    assert (config.time_harmonics, config.lr, config.channels_per_level) == (8, 1e-4, 16)


def test_unknown_preset() -> None:
    with pytest.raises(ConfigError, match="--preset: expected one of ab, fast, full, found slow"):
        load_preset("gridmlp", "slow")


def test_unknown_key() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'hiden'; known: adam_beta2, baseline_input, "):
        from_json(GridMlpConfig, {"hiden": 3})


def test_json_round_trip() -> None:
    config = GridMlpConfig(grid_levels=(3, 5), residual_mode=False, lr=0.25)
    assert from_json(GridMlpConfig, config.to_json()) == config
    assert config.to_json()["grid_levels"] == [3, 5]


@pytest.mark.parametrize(
    ("changed", "option"),
    [
        ({"grid_levels": ()}, "grid-levels"),
        ({"grid_levels": (0,)}, "grid-levels"),
        ({"grid_levels": (16385,)}, "grid-levels"),
        ({"grid_levels": (2,) * 33}, "grid-levels"),
        *(({name: 0}, name) for name in ("channels_per_level", "hidden", "layers", "time_harmonics", "epochs")),
        *(({name: 0}, name) for name in ("samples_per_epoch", "batch_size")),
        *(({name: -1}, name) for name in ("patience", "seed", "hidden", "batch_size")),
        ({"channels_per_level": 257}, "channels-per-level"),
        ({"hidden": 4097}, "hidden"),
        ({"layers": 65}, "layers"),
        ({"time_harmonics": 65}, "time-harmonics"),
        ({"epochs": 1_000_001}, "epochs"),
        ({"seed": 1 << 31}, "seed"),
        *(({"lr": value}, "lr") for value in (0.0, -1.0, 1.1, NAN, INF)),
        *(({"grid_lr": value}, "grid-lr") for value in (-0.1, 1.1, NAN)),
        *(({"grad_clip": value}, "grad-clip") for value in (-1.0, NAN, INF)),
        *(({"baseline_time": value}, "baseline-time") for value in (-0.1, 24.0, NAN)),
    ],
)
def test_ranges(changed: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigError, match=f"^--{option.replace('_', '-')}: expected .*, found"):
        GridMlpConfig(**changed)


@pytest.mark.parametrize("changed", [{"seed": 0}, {"patience": 0}, {"lr": 1.0}, {"grad_clip": 0.0}, {"grid_lr": 1.0}])
def test_ends_of_ranges(changed: dict[str, Any]) -> None:
    GridMlpConfig(**changed)


@pytest.mark.parametrize("changed", [{"hidden": "wide"}, {"lr": None}, {"grid_levels": 7}, {"grid_levels": ["a"]}])
def test_wrong_types(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        from_json(GridMlpConfig, changed)


def test_grid_lr_follows_lr() -> None:
    assert GridMlpConfig(lr=1e-3).effective_grid_lr == pytest.approx(5e-3)
    assert GridMlpConfig(lr=1e-3, grid_lr=2e-3).effective_grid_lr == 2e-3
    assert GridMlpConfig(lr=0.5).effective_grid_lr == 1.0
