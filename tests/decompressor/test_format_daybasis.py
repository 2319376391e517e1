"""FORMAT.md's constants of the family daybasis are those of the code."""

from __future__ import annotations

import re
from dataclasses import astuple, fields

import numpy as np
import pytest

from tests.decompressor.test_format import TEXT
from todpack.decompressor.daybasis.entropy import contexts as weights
from todpack.decompressor.daybasis.entropy import header, symbols, tables
from todpack.decompressor.daybasis.entropy.quincunx import split_phases
from todpack.decompressor.daybasis.transform import lifting_plan, pyramid
from todpack.decompressor.daybasis.transform import rotations as regions
from todpack.decompressor.daybasis.transform.charts import label_charts
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps


def body(heading: str) -> str:
    """Text of a subsection of daybasis, one line, up to the next heading of the same or a higher level."""
    marks, title = heading.split(" ", 1)
    found = TEXT.split(f"\n{marks} {title}\n")
    assert len(found) == 2, heading
    return re.split(rf"\n#{{2,{len(marks)}}} ", found[1])[0]


def prose(heading: str) -> str:
    """The same without line breaks."""
    return " ".join(body(heading).split())


def table(heading: str, index: int = 0) -> list[list[str]]:
    """Rows of cells of one table, without the header rows."""
    block = re.findall(r"(?:^\|.*\n)+", body(heading) + "\n", re.M)[index]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()][2:]


def numbers(cells: str) -> tuple[int, ...]:
    return tuple(int(n) for n in cells.split())


def test_stream_header() -> None:
    rows = table("### Coefficient stream")
    assert "<" + "".join(row[1] for row in rows) == header.HEADER.format.replace("3I", "III")
    assert sum(int(row[2]) for row in rows) == header.HEADER.size == 13
    assert (header.WIDE, header.ZSTD) == (1, 2)
    assert rows[0][3].startswith("bit 0: codes are 32-bit, else 16-bit (signed); bit 1:")
    assert header.MAX_MODEL_BYTES == 2**20
    assert "at most 2^20" in rows[1][3]


def test_model_section() -> None:
    rows = {row[0]: row[1:] for row in table("#### Model section")}
    assert list(rows) == [
        "magnitude_starts", "magnitudes", "starts_0", "significance_0", "starts_1", "significance_1", "signs",
        "low_predicted", "low_rice", "low_tokens", "mean_codes",
    ]  # fmt: skip
    assert rows["signs"][0] == f"{weights.N_SIGN_CLASSES - 1} probabilities"
    assert rows["low_rice"][1].endswith(f"0..{tables.MAX_RICE}")
    assert rows["mean_codes"][1].endswith(f"0..{weights.MAX_MEAN_CODE}")
    text = prose("#### Model section")
    assert f"all under {weights.N_FINE_CLASSES};" in text
    assert f"u1 n <= {symbols.N_TOKENS}," in text


def test_model_section_is_read_in_the_order_of_the_table() -> None:
    n_maps, n_bands = 2, 3
    data = bytes([2, 0, 9, 1, 7, 2, 5, 6])  # magnitude_starts 0, 9; magnitudes (7), (5, 6)
    data += bytes([2, 0, 9, 1, 0, 2, 0]) + bytes([3, 0, 4, 9, 3, 0, 4, 0, 5, 0])  # starts_p, significance_p
    data += bytes([6, 0, 7, 0, 8, 0, 9, 0])  # signs
    data += bytes([1, 3, 4]) + bytes([1, 2])  # low_predicted, low_rice, low_tokens
    data += bytes([10, 20, 255, 1, 0, 2])  # mean_codes
    read = tables.parse_tables(data, n_maps, n_bands)
    assert read.magnitude_starts.tolist() == [0, 9]
    assert [m.tolist() for m in read.magnitudes] == [[7], [5, 6]]
    assert [s.tolist() for s in read.starts] == [[0, 9], [0, 4, 9]]
    assert [s.tolist() for s in read.significance] == [[1, 2], [3, 4, 5]]
    assert read.signs.tolist() == [32768, 6, 7, 8, 9]
    assert "sign class 0 has 32768" in body("#### Model section")
    assert read.low_predicted
    assert read.low_rice.tolist() == [3, 4]
    assert read.low_tokens.tolist() == [2]
    assert read.mean_codes.tolist() == [[10, 20], [9, 21], [9, 23]]


def test_token_rule() -> None:
    text = prose("#### Tokens")
    found = re.search(
        r"A value v < (\d+) is token v. Above, u = v - (\d+), .*: token (\d+) \+ 2 \(e - 2\) \+ b, at most (\d+)", text
    )
    assert found
    direct, shift, first, last = (int(n) for n in found.groups())
    assert direct == first == symbols.N_DIRECT
    assert last == symbols.N_TOKENS - 1
    values = np.concatenate([np.arange(3000), [symbols.MAX_VALUE - 1, symbols.MAX_VALUE]])
    got, raw = symbols.tokens_of(values)
    for value, token, low in zip(values.tolist(), got.tolist(), raw.tolist(), strict=True):
        u = value - shift
        if value < direct:
            assert (token, low) == (value, 0)
            continue
        e = u.bit_length() - 1
        assert token == first + 2 * (e - 2) + (u >> (e - 1) & 1)
        assert low == u & (1 << (e - 1)) - 1
        assert symbols.TOKEN_RAW_BITS[token] == e - 1


def test_frequencies() -> None:
    r = numbers(table("#### ANS models")[0][0])
    assert r == tables.EIGHTH_OCTAVES
    assert tables.FREQUENCIES.tolist() == [max(1, (r[c % 8] << c // 8) // 256) for c in range(128)]


def test_ans_arithmetic_is_constriction() -> None:
    """The rule for intervals and states in "ANS models", in integers, against the package."""
    ans_source = pytest.importorskip("todpack.decompressor.daybasis.entropy.ans")
    constriction = pytest.importorskip("constriction")
    rng = np.random.default_rng(0)
    for weights_ in ([65535, 1], [3, 1], rng.integers(1, 1 << 40, 256), rng.integers(1, 9000, 48)):
        floats = [float(w) for w in weights_]
        scale = (2.0**24 - len(floats)) / sum(floats)
        bounds = [int(sum(floats[:i]) * scale) + i for i in range(len(floats))] + [1 << 24]
        message = rng.integers(0, len(floats), 100).astype(np.int32)
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(message, ans_source.categorical(np.array(floats)))
        words, x, out = coder.get_compressed().tolist(), 0, []
        for _ in range(len(message) + 1):
            while x < 1 << 32 and words:
                x = x << 32 | words.pop()
            q = x % (1 << 24)
            symbol = next(i for i in range(len(floats)) if bounds[i] <= q < bounds[i + 1])
            out.append(symbol)
            x = (bounds[symbol + 1] - bounds[symbol]) * (x >> 24) + q - bounds[symbol]
        assert out[:-1] == message.tolist()


def test_weights() -> None:
    names = tuple(field.name for field in fields(weights.Weights))
    assert tuple(row[0] for row in table("### Context model", 0)) == names
    rows = table("### Context model", 1)
    assert [row[:2] for row in rows] == [[band, phase] for band in ("lh", "hl", "hh") for phase in "01"]
    assert [tuple(int(n) for n in row[2:]) for row in rows] == [astuple(w) for band in weights.WEIGHTS for w in band]


def test_context_constants() -> None:
    rows = {name: numbers(values) for name, values in table("### Context model", 2)}
    assert rows["level shift"] == weights.LEVEL_SHIFT
    thresholds = rows["thresholds"]
    found = re.search(r"thresholds <= min\(s, (\d+)\)", prose("### Context model"))
    assert found
    assert int(found[1]) == weights.MAPS_CAP
    expected = [sum(t <= s for t in thresholds) for s in range(weights.MAPS_CAP + 1)]
    assert weights.MAPS_SHIFT.tolist() == expected
    text = prose("### Context model")
    assert f"capped to {weights.FINE_CAP} where d < {weights.N_FINE_LEVELS}, else to {weights.COARSE_CAP}." in text
    assert f"(the last: {weights.N_FINE_CLASSES})" in text
    assert weights.N_ENERGIES == 2**20
    assert "at most 2^20 - 1" in text


def test_mean_energy() -> None:
    text = prose("### Context model")
    found = re.search(
        r"min\((\d+), floor\(weight r 2\^floor\(m / 2\) / 2\^(\d+)\)\) with r = (\d+) for even m, (\d+) for odd", text
    )
    assert found
    cap, shift, even, odd = (int(n) for n in found.groups())
    assert cap == weights.MEAN_CAP
    for m in range(weights.MAX_MEAN_CODE + 1):
        energy = 159 * (odd if m % 2 else even) * 2 ** (m // 2) // 2**shift
        assert weights.mean_energy(np.array([m]), 159).tolist() == [energy]


def test_fine_class() -> None:
    text = prose("### Context model")
    assert "Fine class = 0 for E = 0, else 1 + 4 e + floor(4 (E - 2^e) / 2^e), e = floor(log2 E)" in text
    assert weights.LOG_CLASS.size == weights.N_ENERGIES
    for energy in (*range(1, 5000), weights.N_ENERGIES - 1):
        e = energy.bit_length() - 1
        assert weights.LOG_CLASS[energy] == 1 + 4 * e + 4 * (energy - 2**e) // 2**e
    assert weights.LOG_CLASS[0] == 0


def test_norms() -> None:
    rows = table("### Charts and pyramid")
    assert tuple(tuple(float(n) for n in row[1:]) for row in rows) == pyramid.DETAIL_NORMS
    assert rows[-1][0] == f"{len(rows) - 1} and more"
    assert f"The low band's norm is {pyramid.LOW_NORM}." in prose("### Charts and pyramid")


def test_rotation_constants() -> None:
    text = prose("### Coefficients to maps")
    assert f"({regions.BLOCK} x {regions.BLOCK} texels)" in text
    assert f"codes / {regions.SKEW_SCALE:.0f}." in text
    assert f"multiples of 1/{regions.ROTATION_GRID:.0f}," in text
    assert f"sums under {regions.EXACT_LIMIT:.0f} are exact" in text


def test_lifting_constants() -> None:
    assert f"With w = {lifting_plan.UPDATE} in U, {lifting_plan.PREDICT} in P" in prose("### Coefficients to maps")


def cells_of(heading: str, index: int) -> dict[str, list[str]]:
    """Rows of a table by their first cell; the header row, whose cells are numbers, is left out."""
    return {row[0]: row[1:] for row in table(heading, index)}


def values_of(cells: list[str]) -> list[float]:
    """Numbers of a row, 0 for a point."""
    return [0.0 if cell == "." else float(cell) for cell in cells]


def test_example_of_a_tile() -> None:
    """Every number of the example, computed."""
    heading = "#### Example of a tile"
    charts = table(heading, 0)[0][1:]
    valid = np.array([[chart != "." for chart in charts]])
    labels = label_charts(valid)
    plan, (low, high), (low_mass, high_mass) = lifting_plan.plan_pass(labels, valid.astype(np.float32), 1)
    letters = {0: ".", **{int(label): chart for label, chart in zip(labels[0], charts, strict=True) if label}}
    rows = cells_of(heading, 1)
    assert rows["even i, at x = 2 i"] == [letters[label] for label in labels[0, 0::2]]
    assert rows["odd i, at x = 2 i + 1"][:4] == [letters[label] for label in labels[0, 1::2]]
    assert rows["low"] == [letters[label] for label in low[0]]
    assert rows["high"][:4] == [letters[label] for label in high[0]]
    assert values_of(rows["low's mass"]) == low_mass[0].tolist()
    assert values_of(rows["high's mass"])[:4] == np.where(high, high_mass, 0)[0].tolist()
    assert [np.asarray(place).tolist() for place in plan.promoted] == [[0], [rows["odd i joins"].index("promoted")]]
    # both: -1/2 of each neighbor; a single one: -1
    names = {-0.5: "both", -1.0: "right"}
    assert [names.get(float(w), ".") for w in plan.predict[0][0]] == [
        cell if cell != "promoted" else "." for cell in rows["odd i joins"][:4]
    ]

    rows = cells_of(heading, 2)
    tile = pyramid.build_pyramid(valid, 1)
    codes = {band: np.array([values_of(rows[f"{band}: code"])], np.int16)[None] for band in ("low", "hl")}
    bands = [codes["low"], np.zeros((1, 0, 5), np.int16), codes["hl"][..., :4], np.zeros((1, 0, 4), np.int16)]
    points = {"low": codes["low"], "hl": regions.reconstruct(codes["hl"].astype(np.float32), (0.0, 0.125))}
    for band, sites, steps, gain in (
        ("low", tile.sites[0], tile.step_scale[0], 0.5),
        ("hl", tile.sites[1][1], tile.step_scale[1][1], 1.0),
    ):
        n = steps.shape[1]
        scale = np.where(sites, steps, 0)[0]
        assert values_of(rows[f"{band}: step_scale"])[:n] == pytest.approx(scale, rel=1e-5)
        assert values_of(rows[f"{band}: coefficient"])[:n] == pytest.approx(
            points[band][0, 0, :n] * 8.0 * gain * scale, rel=1e-5
        )
    whole = regions.Regions(np.zeros((1, 1), np.uint8), np.eye(1)[None])
    maps = reconstruct_maps(bands, tile, whole, q_step=8.0, centroids=(0.0, 0.125))
    assert values_of(rows["even i, undone"]) == pytest.approx(maps[0, 0, 0::2], rel=1e-5)
    assert values_of(rows["odd i, undone"])[:4] == pytest.approx(maps[0, 0, 1::2], rel=1e-5)


def test_example_of_a_class() -> None:
    """The example's neighborhood in real bands: its terms, its energy, its class and its sign."""
    heading = "#### Example of a class"
    rows = {row[0].split(":")[0]: row for row in table(heading)}
    codes = {name: [int(c) for c in row[1].split()] for name, row in rows.items() if name != "mean"}
    weights_of = weights.WEIGHTS[0][1]
    for name, row in rows.items():
        assert int(row[3]) == getattr(weights_of, name)
        if name != "mean":
            assert int(row[2]) == sum(abs(code) for code in codes[name])
            assert int(row[4]) == int(row[2]) * int(row[3])
    mean_codes = np.full(3, int(re.findall(r"mean code (\d+)", rows["mean"][0])[0]))
    assert int(rows["mean"][4]) == int(weights.mean_energy(mean_codes[:1], weights_of.mean)[0])
    energy = sum(int(row[4]) for row in rows.values())

    coarser = [np.zeros((3, 2, 2), np.uint32) for _ in range(3)]
    for band, code in zip(coarser, (*codes["parent"], *codes["parent_others"]), strict=True):
        band[1, 1, 1] = abs(code)
    band = np.zeros((3, 4, 4), np.int32)
    band[1, 2, [1, 3]], band[1, [1, 3], 2], band[[0, 2], 2, 2] = (
        codes[name] for name in ("left_right", "above_below", "adjacent_maps")
    )
    context = weights.ContextState(2)
    context.begin_level(2, coarser)
    context.begin_band(0, np.ones((4, 4), bool), mean_codes)
    first, second = split_phases(band)
    assert not second.any()  # all of it is of phase 0
    context.put(0, first)
    at = 1, 2, 2 // 2  # phase 1 of (1, 2, 2): column 2 j + 1 - s with s = (2 + 1) mod 2
    flat = np.array([np.ravel_multi_index(at, (3, 4, 2))])
    fine, score = int(context.classes(1)[at]), int(context.sign_score(1, flat)[0])
    text, sign = prose(heading), "negative" if score < 0 else "positive"
    assert f"E = {energy}, e = {energy.bit_length() - 1}, " in text
    assert f"= {weights.LOG_CLASS[energy]}. s = 1," in text
    assert f"fine class {fine}." in text
    assert f"= {score}, so sign class {abs(score)}; a bit 0 makes the coefficient {sign}." in text
