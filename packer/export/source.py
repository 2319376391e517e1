"""What is exported: a lightmap of the family daybasis as maps and one affine map per stored time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from todpack.decompressor.archive import Archive
from todpack.decompressor.daybasis.family import standard_decoder

from ..errors import PackError

MOST_DB = 100.0  # also where nothing is lit
SRGB_PEAK = 255.0


@dataclass(frozen=True)
class AffineDay:
    """RGB of a time as an affine map of K values: v = matrix @ z + offset, then the curve.

    Attributes:
        name: Of the lightmap.
        valid: (H, W) bool.
        hours: (T,) float64 stored times.
        gap_modes: T letters, see FORMAT.md "Temporal codes".
        matrix: (3T, K) float64; row 3 t + c is channel c of time t.
        offset: (3T,) float64.
        transfer: "srgb8" (v is in codes 0..255) or "linear".
        curve: "none", "square" or "exp", from v to radiance; FORMAT.md "Curve".
        knee: Of "exp".
    """

    name: str
    valid: np.ndarray
    hours: np.ndarray
    gap_modes: str
    matrix: np.ndarray
    offset: np.ndarray
    transfer: str
    curve: str
    knee: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.valid.shape[1], self.valid.shape[0]

    def values(self, maps: np.ndarray) -> np.ndarray:
        """(N, 3T) float32 v of maps (N, K) at the stored times."""
        values: np.ndarray = maps @ self.matrix.T.astype(np.float32)
        values += self.offset.astype(np.float32)
        return values

    def displayed(self, values: np.ndarray) -> np.ndarray:
        """What a viewer gets of v: codes 0..255, rounded, or radiance."""
        if self.transfer == "srgb8":
            return np.asarray(np.rint(np.clip(values, 0.0, SRGB_PEAK)))
        if self.curve == "square":
            return np.asarray(np.square(np.maximum(values, 0.0)))
        light = np.exp(values) - np.float32(self.knee) if self.curve == "exp" else values
        return np.asarray(np.maximum(light, 0.0))

    def psnr_db(self, values: np.ndarray, others: np.ndarray) -> float:
        """PSNR of v (N, 3T) against v of the archive, as displayed.

        Of codes over all times together, peak 255; of radiance the mean over lit times, each with its own peak.
        """
        peaks, errors = [], []
        for t in range(len(self.hours)):
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # infinite light of an absurd file: no number, no warning
                wanted = self.displayed(others[:, 3 * t : 3 * t + 3])
                error = self.displayed(values[:, 3 * t : 3 * t + 3]) - wanted
                errors.append(float(np.square(error, dtype=np.float64).mean()))
            peaks.append(float(wanted.max()))
        if self.transfer == "srgb8":
            return _psnr_db(SRGB_PEAK, float(np.mean(errors)))
        psnrs = [_psnr_db(peak, error) for peak, error in zip(peaks, errors, strict=True) if peak > 0.0]
        return float(np.mean(psnrs)) if psnrs else MOST_DB


def _psnr_db(peak: float, mse: float) -> float:
    return MOST_DB if mse <= 1e-10 * peak**2 else float(10 * np.log10(peak**2 / mse))


def affine_day(archive: Archive, index: int) -> tuple[AffineDay, np.ndarray]:
    """A lightmap of an archive, and its maps (N, K) float32 at the valid texels.

    Args:
        archive: Opened with decoder="reference", which has maps and matrices as floats.
        index: Of the lightmap.

    Raises:
        PackError: it is of another family, or its graph computes something else; then it has no such maps.
        ArchiveError: it cannot be decoded.
    """
    lightmap, where = archive.lightmaps[index], archive.container.path
    if archive.model_type != "daybasis":
        raise PackError(f"{where}: expected the family daybasis, found {archive.model_type}")
    decoder = standard_decoder(lightmap.decoder)
    if decoder is None or decoder.frame is None:
        raise PackError(f"{where}: lightmap {lightmap.name}: expected the standard frame graph, found another")
    if not decoder.has_exact_sums():
        raise PackError(
            f"{where}: lightmap {lightmap.name}: expected numbers whose sums are exact in float32, found larger ones"
        )
    affine = [decoder.affine_at(float(time_h)) for time_h in lightmap.hours]
    day = AffineDay(
        name=lightmap.name,
        valid=lightmap.valid,
        hours=lightmap.hours,
        gap_modes=archive.metadata["lightmaps"][index]["model"]["gap_modes"],
        matrix=np.concatenate([matrix for matrix, _ in affine]).astype(np.float64),
        offset=np.concatenate([offset for _, offset in affine]).astype(np.float64),
        transfer=lightmap.transfer,
        curve=decoder.frame.curve,
        knee=float(decoder.frame.knee),
    )
    return day, np.ascontiguousarray(lightmap.latents()[:, lightmap.valid].T)
