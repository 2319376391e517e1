"""Configurations by fields: what each allows, its option on the command line, and plain values and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import click
import pytest

from todpack.packer.configuration import check, click_options, from_json, option, option_values, to_json
from todpack.packer.errors import ConfigError


@dataclass(frozen=True)
class Sketch:
    """One field of every kind."""

    epochs: int = option(150, 1, 1000, help="Passes.")
    lr: float = option(1e-4, 0.0, 1.0, ends="(]", help="Learning rate.")
    hour: float = option(12.0, 0.0, 24.0, ends="[)", help="Hour of the day.")
    merge: str = option("mean", choices=("mean", "learned"), help="How entries are shared.")
    bits: int = option(8, choices=(4, 8), help="Bits.")
    film: bool = option(False, help="Modulate.")
    rotate: bool = option(True, help="Rotate.")
    sizes: tuple[int, ...] = option((16, 32), 1, 64, help="Sizes.")
    times: tuple[float, ...] = option((), 0.0, 24.0, ends="[)", of=float, help="Times.")
    share: float | None = option(None, 50.0, 100.0, ends="(]", of=float, help="Share.")
    n_levels: int = option(5, 1, 12, flag="--levels", help="Levels.")
    inner: int = option(2, 1, 3, flag="", help="Not on the command line.")

    def __post_init__(self) -> None:
        check(self)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"epochs": 0}, "--epochs: expected an integer in 1..1000, found 0"),
        ({"epochs": 2.0}, "--epochs: expected an integer in 1..1000, found 2.0"),
        ({"epochs": True}, "--epochs: expected an integer in 1..1000, found True"),
        ({"lr": 0.0}, "--lr: expected a number in (0, 1], found 0"),
        ({"lr": math.nan}, "--lr: expected a number in (0, 1], found nan"),
        ({"hour": 24.0}, "--hour: expected a number in [0, 24), found 24"),
        ({"epochs": "3"}, "--epochs: expected an integer in 1..1000, found '3'"),
        ({"merge": "xor"}, "--merge: expected one of mean, learned, found xor"),
        ({"bits": 5}, "--bits: expected one of 4, 8, found 5"),
        ({"film": 1}, "--film: expected true or false, found 1"),
        ({"sizes": (65,)}, "--sizes: expected integers in 1..64, found (65,)"),
        ({"sizes": 16}, "--sizes: expected integers in 1..64, found 16"),
        ({"times": (24.0,)}, "--times: expected numbers in [0, 24), found (24.0,)"),
        ({"share": 50.0}, "--share: expected a number in (50, 100], found 50"),
        ({"n_levels": 40}, "--levels: expected an integer in 1..12, found 40"),
        ({"inner": 9}, "inner: expected an integer in 1..3, found 9"),
    ],
)
def test_what_a_field_does_not_allow(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Sketch(**changed)
    assert str(caught.value) == said


def test_plain_values_and_back() -> None:
    config = Sketch(sizes=(1, 64), lr=1, share=100.0)
    assert to_json(config)["sizes"] == [1, 64]
    assert from_json(Sketch, to_json(config)) == config
    assert from_json(Sketch, {}) == Sketch()
    with pytest.raises(ConfigError, match=r"^here: unknown key 'epoch'; known: bits, epochs, "):
        from_json(Sketch, {"epoch": 3}, "here")
    with pytest.raises(ConfigError, match=r"^here: expected an object of options, found list"):
        from_json(Sketch, [], "here")


def parsed(*words: str) -> dict[str, Any]:
    command = click.Command("sketch", params=list(click_options(Sketch)), callback=lambda **values: values)
    values: dict[str, Any] = command.main(list(words), standalone_mode=False)
    return values


def test_options_set_fields() -> None:
    assert option_values(Sketch, parsed()) == {}
    words = ["--epochs", "3", "--film", "--no-rotate", "--sizes", "1,2", "--times", "3,9.5", "--levels", "7"]
    values = option_values(Sketch, parsed(*words))
    assert values == {
        "epochs": 3, "film": True, "rotate": False, "sizes": (1, 2), "times": (3.0, 9.5), "n_levels": 7,
    }  # fmt: skip
    assert Sketch(**values).n_levels == 7
    with pytest.raises(click.BadParameter, match="expected numbers separated by commas, such as 16,32, found '1,x'"):
        parsed("--sizes", "1,x")


def test_help_tells_defaults() -> None:
    told = {parameter.name: parameter.help for parameter in click_options(Sketch, {"epochs": "from the preset"})}
    assert told["epochs"] == "Passes.  [default: from the preset]"
    assert told["lr"] == "Learning rate.  [default: 0.0001]"
    assert told["film"] == "Modulate."
    assert told["rotate"] == "Rotate.  [default: rotate]"
    assert told["sizes"] == "Sizes.  [default: 16,32]"
    assert told["times"] == "Times."
    assert "inner" not in told
