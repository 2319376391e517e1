"""The C module, built from native/ where there is a compiler."""

import numpy as np

Buffer = bytes | bytearray | np.ndarray

kernels: str

class Basis:
    def __init__(self, codes: Buffer, hours: Buffer, gap_modes: str, exponents: Buffer, precision: int) -> None: ...
    def at(self, time_h: float, /) -> bytes: ...

class Tile:
    def __init__(
        self,
        valid: Buffer,
        shape: tuple[int, int],
        n_levels: int,
        q_step: float,
        centroids: tuple[float, float],
        precision: int,
        exponents: Buffer,
        smoothing: tuple[bool, float, float, float],
        dilates: bool,
        rotations: bytes | None,
        n_regions: int,
        blocks: Buffer,
        is_wide: bool,
        is_plain: bool,
        model: Buffer,
        symbols: Buffer,
        lengths: Buffer,
        raw: Buffer,
        curve: int,
        knee: float,
        highest: float,
        bits_at: int = -1,
        most_bytes: int = 0,
    ) -> None: ...
    @property
    def n_groups(self) -> int: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def bits(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def bits_at(self) -> int: ...
    def restore(self, first: int, end: int, /) -> bool: ...
    def widen(self) -> None: ...
    def finish(self) -> None: ...
    def latents(self, out: Buffer, /) -> None: ...
    def frame(
        self,
        affine: bytes,
        region: tuple[int, int, int, int],
        format: int,
        out: Buffer,
        offset: int,
        stride: int,
        /,
    ) -> None: ...
    def texel(self, affine: bytes, y: int, x: int, as_rgb8: bool, /) -> bytearray: ...

def read_plain_mask(data: Buffer, bits_at: int, shape: tuple[int, int], valid: Buffer, /) -> int: ...
def rotations_of_codes(codes: Buffer, n_regions: int, n_maps: int, /) -> bytes: ...
def exponentials(values: np.ndarray, /) -> None: ...
def unpack_integers(data: Buffer, n_planes: int, n_rows: int, n_columns: int, /) -> bytes: ...
def unpack_model(data: Buffer, n_maps: int, n_bands: int, /) -> bytes: ...
def unpack_texels(data: Buffer, height: int, width: int, /) -> bytes: ...
