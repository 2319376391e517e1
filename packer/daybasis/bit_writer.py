"""Raw bits of the coefficient stream."""

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]


def pack_bits(values: Int64Array, widths: Int64Array) -> bytes:
    """Write each value with its width in bits (0..24), most significant bit first; zero bits fill the last byte."""
    ends = np.cumsum(widths)
    bits = np.zeros(int(ends[-1]) if ends.size else 0, np.uint8)
    for b in range(int(widths.max(initial=0))):
        has = widths > b
        bits[ends[has] - 1 - b] = values[has] >> b & 1
    return np.packbits(bits).tobytes()
