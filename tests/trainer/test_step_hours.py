"""Steps that see some hours, weights as shares of the squared error, the warm-up, and tables after dense epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_day
from todpack.frames import Day
from todpack.packer.errors import ConfigError
from todpack.packer.gridmlp.config import GridMlpConfig

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.fit import GridMlpFit  # noqa: E402
from todpack.trainer.gridmlp.objective import Objective, temporal_l1  # noqa: E402

TINY: dict[str, Any] = {
    "grid_levels": (3, 6), "channels_per_level": 2, "hidden": 6, "layers": 2, "time_harmonics": 2, "epochs": 5,
    "samples_per_epoch": 8192, "batch_size": 1024, "lr": 5e-3, "grid_lr": 2e-2,
}  # fmt: skip
CPU = torch.device("cpu")


def a_day(n_frames: int = 12) -> Day:
    frames, valid = make_day(20, 24, n_frames)
    return Day(frames.astype(np.float32), valid, np.arange(n_frames) * 24.0 / n_frames, "srgb8", "day")


def a_fit(folder: Path, **switches: Any) -> GridMlpFit:
    folder.mkdir(exist_ok=True)
    return GridMlpFit(a_day(), GridMlpConfig(**{**TINY, **switches}), folder, CPU, amp=False)


@pytest.mark.parametrize("temporal", [False, True])
def test_a_step_has_as_many_samples_of_fewer_hours(temporal: bool) -> None:
    config = GridMlpConfig(**{**TINY, "times_per_step": 8, "temporal_loss": temporal})
    objective = Objective(a_day(), config, CPU, 0)
    batches = list(objective.batches(3))
    assert len(batches) == objective.n_steps == 8
    seen = set()
    for batch in batches:
        assert batch.times is not None
        assert (len(batch.rows), len(batch.times)) == (1024 // 12 * 12 // 8 + 1, 10 if temporal else 8)
        drawn, neighbors = batch.times[:8], batch.times[8:]
        assert len(drawn.unique()) == 8
        assert bool(((neighbors - drawn[: len(neighbors)]).abs() == 1).all())
        seen |= set(drawn.tolist())
    assert seen == set(range(12))
    again = list(objective.batches(3))
    assert all(torch.equal(a.times, b.times) for a, b in zip(batches, again, strict=True))
    assert Objective(a_day(), GridMlpConfig(**TINY), CPU, 0).batches(3).__next__().times is None


def test_pairs_are_compared_and_not_what_lies_between_them() -> None:
    error = torch.tensor([0.0, 1.0, 5.0, 7.0])[None, :, None].expand(2, 4, 3)
    assert temporal_l1(torch.zeros(2, 4, 3), error, 2) == 1.5
    assert temporal_l1(torch.zeros(2, 4, 3), error) == pytest.approx(7 / 3)


def test_neighbors_count_by_their_changes_alone(tmp_path: Path) -> None:
    """An error that is the same at all hours has no changes, and neighbors have no part in the squared error."""
    fit = a_fit(tmp_path, temporal_loss=True, times_per_step=4, temporal_w=1.0, temporal_w_start=1.0)
    batch = next(fit.batches(0))
    target = fit.objective.target(batch.rows, batch.times)

    for of_neighbor, expected in ((0.5, 0.25), (0.75, 0.25 + 0.25)):
        error = torch.tensor([0.5, 0.5, 0.5, 0.5, of_neighbor])[:, None]
        loss = fit.objective.loss(lambda *_, e=error: target + e, batch, 0, 0.0, amp=False)
        assert float(loss.mse) == pytest.approx(0.25)
        assert float(loss.total) == pytest.approx(expected)


def test_relative_weights_are_shares_of_the_squared_error(tmp_path: Path) -> None:
    switches = {"temporal_loss": True, "temporal_w": 0.3, "temporal_w_start": 0.3}
    fit = a_fit(tmp_path, **switches, relative_weights=True)
    loss = fit.loss(next(fit.batches(0)), 0, 0)
    assert float(loss.total.detach()) == pytest.approx(1.3 * float(loss.mse.detach()), rel=1e-5)
    fit.model.zero_grad()
    loss.total.backward()
    both = fit.model.output.weight.grad.clone()
    plain = a_fit(tmp_path, relative_weights=True)
    plain.loss(next(plain.batches(0)), 0, 0).total.backward()
    assert (both - plain.model.output.weight.grad).abs().max() > 0.0


def test_rates_rise_before_they_fall(tmp_path: Path) -> None:
    fit = a_fit(tmp_path, warmup=0.2)
    rates = [fit.rates(epoch, step)[0] for epoch in range(5) for step in range(8)]
    assert rates[0] == 0.0
    assert rates[4] == pytest.approx(0.5 * 2e-2)
    assert max(rates) == rates[8] == 2e-2
    assert rates[8:] == sorted(rates[8:], reverse=True)
    assert a_fit(tmp_path).rates(0, 0)[0] == 2e-2


def test_tables_follow_dense_epochs_and_settle(tmp_path: Path) -> None:
    """Dense epochs leave table and indices alone; what they reached is not the best of the run."""
    fit = a_fit(tmp_path, hash_top_levels=1, hash_capacity=9, hash_probes=9, hash_dense_epochs=2, epochs=8)
    (level,) = fit.model.probed_grids
    stages, indices = [], []
    for epoch in range(8):
        begun = level.table.detach().clone()
        fit.state.best_loss = 0.5
        fit.train_epoch(epoch)
        assert (fit.state.best_loss == 0.5) == (epoch != 2)
        stages.append(level.stage)
        indices.append(level.index.clone())
        assert torch.equal(begun, level.table) == (epoch < 2)
    assert stages == ["dense"] * 2 + ["choosing"] * 4 + ["chosen"] * 2
    assert len(indices[1].unique()) == 1 < len(indices[2].unique())
    assert torch.equal(indices[5], indices[7])


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"hash_top_levels": 1, "hash_probes": 8, "hash_capacity": 4}, "--hash-probes: expected at most --hash-capac"),
        (
            {"hash_top_levels": 1, "hash_probes": 8, "hash_merge": "learned"},
            "--hash-probes: expected --hash-merge mean",
        ),
        ({"hash_dense_epochs": 5}, "--hash-dense-epochs: expected fewer than --epochs 5, found 5"),
        ({"be_fold": True}, "--be-fold: expected --use-baseline-encoder"),
        ({"baseline_input": True, "residual_mode": False}, "--baseline-input: expected --residual-mode"),
    ],
)
def test_switches_that_do_not_go_together(switches: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        GridMlpConfig(**{**TINY, **switches})
