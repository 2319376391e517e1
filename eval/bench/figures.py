"""README's figures from the result file: one table and a sentence, in English and Chinese, between two marks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from todpack.decompressor.files import write_text

from ..errors import EvalError
from ..machine import machine_line
from ..peers.libaom import LIBAOM
from ..peers.ours import DAYBASIS, REFINED
from ..peers.video import X265
from ..tables import figure, markdown
from .report import eight_bit, geometric_mean, ratio_of

BEGIN, END = "<!-- figures: written by make bench from docs/benchmarks.json -->", "<!-- end of figures -->"
_EXPECTED = f"expected the lines {BEGIN} and {END}, once each and in this order"
SET = "sample"
_NO_SAMPLE = f"README's figures need the rates of the set {SET}"
ROWS = (REFINED, DAYBASIS, LIBAOM.name, X265.name, "jpegxl", "bc7")
_NAMES = {
    "en": ("todpack", "todpack, closed form", "libaom (AV1)", "x265 (HEVC)", "JPEG XL", "BC7"),
    "zh": ("todpack", "todpack（闭式解）", "libaom (AV1)", "x265 (HEVC)", "JPEG XL", "BC7"),
}
_HEADS = {
    "en": ("", "bytes", "dB", "decode ms a frame", "one texel alone", "memory to read any texel of the day, MB"),
    "zh": ("", "字节", "dB", "解码毫秒/帧", "单个纹素随机访问", "随时读取全天任意纹素所占内存，MB"),
}
_ACCESS = {
    "en": {"yes": "yes", "frame": "its frame", "no": "no"},
    "zh": {"yes": "可以", "frame": "需解整帧", "no": "不可以"},
}
_SENTENCES = {
    "en": "The sample: {w} x {h} texels, {t} hours, {valid} valid texels; decoding is processor time of the whole day, "
    "opening included; memory of ours is the peak of decoding every hour beside imports, of others the decoded day. "
    "Over {n} sets of 8-bit frames (baked, photographed, smooth, tiny), bytes at equal PSNR are {x265} of x265's and "
    "{libaom} of libaom's (geometric means; per set from {least} to {most} of x265's). {machine}",
    "zh": "样例：{w} x {h} 纹素，{t} 个时刻，{valid} 个有效纹素；解码为解出全天（含打开文件）的处理器时间；"
    "内存一栏，todpack 为解出全天的峰值（不含导入），其他为解码后的全天数据。"
    "在 {n} 组 8 位数据（烘焙、实拍、平滑、极小）上，相同 PSNR 下的字节数为 x265 的 {x265}、libaom 的 {libaom}"
    "（几何平均；各组为 x265 的 {least} 至 {most}）。{machine}",
}


def readme_figures(result: Mapping[str, Any], language: str) -> list[str]:
    """Lines of Markdown: the sample at its middle PSNR, codec by codec, and what all sets give together.

    Args:
        result: The file, with rates of the sample.
        language: "en" or "zh".

    Raises:
        EvalError: The sample's rates are not in the file.
    """
    sets = eight_bit(result.get("rate", {}).get("sets", {}))
    if SET not in sets:
        raise EvalError(_NO_SAMPLE)
    found = sets[SET]
    middle, level = found["compared"]["middle"], found["compared"]["middle_db"]
    raw_mb = found["raw_bytes"] / 1e6
    held = result.get("speed", {}).get("sets", {}).get(SET, {}).get("held_bytes")
    blocks = {point["name"]: point for point in found["points"]}.get("bc7")
    rows = []
    for name, shown in zip(ROWS, _NAMES[language], strict=True):
        of, db, memory = dict(middle.get(name) or {}), level, f"{raw_mb:.1f}"
        if name == "bc7" and blocks is not None:  # one rate alone
            of = {"bytes": blocks["bytes"], "decode_cpu_ms_per_frame": None}
            db, memory = blocks["psnr_db"], f"{blocks['bytes'] / 1e6:.1f}"
        if name in (REFINED, DAYBASIS):
            memory = "-" if held is None else f"{held / 1e6:.1f}"
        if of.get("bytes") is not None:
            access = _ACCESS[language].get(found["random_access"].get(name, ""), "-")
            decode = "GPU" if name == "bc7" else figure(of["decode_cpu_ms_per_frame"], 2, absent="-")
            rows.append((shown, f"{of['bytes']:,.0f}", f"{db:.2f}", decode, access, memory))
    ratios = {anchor: [ratio_of(one, REFINED, anchor) for one in sets.values()] for anchor in (X265.name, LIBAOM.name)}
    known = [ratio for ratio in ratios[X265.name] if ratio is not None]
    measured = result["rate"]["measured"][SET]
    sentence = _SENTENCES[language].format(
        w=found["width"],
        h=found["height"],
        t=found["frames"],
        valid=found["valid_texels"],
        n=len(sets),
        least=f"{min(known):.2f}",
        most=f"{max(known):.2f}",
        machine=f"commit {measured['commit']}, {machine_line(measured['machine'])}.",
        **{name: figure(geometric_mean(values), 2, absent="-") for name, values in ratios.items()},
    )
    return ["", *markdown(_HEADS[language], rows), "", sentence, ""]


def require_sample(result: Mapping[str, Any], measured: Collection[str]) -> None:
    """Refuse, before the work, figures of a README that lack those of the sample.

    Args:
        result: The file.
        measured: Names of the sets whose rates are measured now.

    Raises:
        EvalError: The sample is in neither.
    """
    if SET not in measured and SET not in result.get("rate", {}).get("sets", {}):
        raise EvalError(_NO_SAMPLE)


def with_figures(text: str, result: Mapping[str, Any], language: str) -> str:
    """A README with the figures between its marks replaced.

    Raises:
        EvalError: The marks are not there.
    """
    if not _has_marks(text):
        raise EvalError(_EXPECTED)
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [f"{before}{BEGIN}", *readme_figures(result, language), f"{END}{after}"]
    return ("\r\n" if rest.startswith("\r\n") else "\n").join(lines)


def _has_marks(text: str) -> bool:
    return text.count(BEGIN) == text.count(END) == 1 and text.index(BEGIN) < text.index(END)


def marked_text(path: Path) -> str:
    """The text of a README that has the marks.

    Raises:
        EvalError: it has not, or cannot be read.
    """
    if not path.is_file():  # a pipe would be waited for
        raise EvalError(f"{path}: expected a README, found none")
    try:
        text = path.read_bytes().decode("utf-8")  # line ends stay
    except (OSError, UnicodeDecodeError) as error:
        raise EvalError(f"{path}: cannot be read: {error}") from error
    if not _has_marks(text):
        raise EvalError(f"{path}: {_EXPECTED}")
    return text


def write_figures(path: Path, result: Mapping[str, Any]) -> None:
    """Replace the figures of a README; Chinese where its name says so."""
    text = marked_text(path)
    write_text(path, with_figures(text, result, "zh" if ".zh." in path.name else "en"))
