"""What linear radiance may be: finite and not negative, but for noise under zero, which is taken as zero."""

from __future__ import annotations

import numpy as np

from .errors import DataError

TINY_SHARE = 1e-3
"""Of the mean of the day: values down to minus this are noise of a filter, and become 0."""

LARGEST_RADIANCE = 1e30
"""Squares of it are still numbers."""


class RadianceCheck:
    """Looks at all values of a day, part by part, and puts 0 for those that cannot stay."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0
        self._lowest, self._lowest_place = 0.0, ""
        self.n_negative = 0
        self.n_cleared = 0

    def clean(self, values: np.ndarray, valid: np.ndarray, where: object, top: int = 0, left: int = 0) -> None:
        """Take a part of a frame; negative values become 0, and all that are no radiance at invalid texels.

        Args:
            values: (h, w, 3) float32; changed.
            valid: (h, w) bool.
            where: The file, for the message.
            top: Row of the frame at which the part begins.
            left: The same for its column.

        Raises:
            DataError: a valid texel is NaN, infinite or over LARGEST_RADIANCE.
        """
        if not (values.min() >= 0 and values.max() <= LARGEST_RADIANCE):  # NaN is neither
            usable = np.abs(values) <= LARGEST_RADIANCE
            unusable = ~(usable & (values >= 0))
            inside = np.argwhere(unusable & valid[..., None])
            found = values[tuple(inside.T)]
            if len(inside):
                odd = np.flatnonzero(~(np.abs(found) <= LARGEST_RADIANCE))
                worst = int(odd[0] if len(odd) else found.argmin())
                y, x, _ = (int(i) for i in inside[worst])
                is_large = LARGEST_RADIANCE < found[worst] < np.inf
                expected = f"radiance up to {LARGEST_RADIANCE:g}" if is_large else "finite radiance >= 0"
                place = (
                    f"{where}: expected {expected} at valid texels, found {found[worst]} "
                    f"at row {top + y}, column {left + x}"
                )
                if len(odd):
                    raise DataError(place)
                if found[worst] < self._lowest:
                    self._lowest, self._lowest_place = float(found[worst]), place
            self.n_negative += len(inside)
            self.n_cleared += int(unusable.sum()) - len(inside)
            values[unusable] = 0
        self._sum += float((valid.ravel().astype(np.float32) @ values.reshape(-1, 3)).sum())
        self._count += 3 * int(np.count_nonzero(valid))

    def finish(self, where: object) -> list[str]:
        """Judge what was found once all frames are known.

        Returns:
            Lines for the user.

        Raises:
            DataError: a valid texel is further under zero than noise.
        """
        limit = TINY_SHARE * self._sum / max(self._count, 1)
        if self._lowest < -limit:
            raise DataError(f"{self._lowest_place} (noise down to -{limit:.3g} is taken as 0)")
        lines = []
        if self.n_negative:
            lines.append(f"{where}: {self.n_negative} tiny negative values, down to {self._lowest:.3g}, are read as 0")
        if self.n_cleared:
            lines.append(f"{where}: {self.n_cleared} NaN, infinite or negative values at invalid texels are read as 0")
        return lines
