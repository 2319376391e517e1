"""Time-PCA and vector quantization: the day of a texel as 12 coefficients, and those as one of 4096 codes.

A small reimplementation of a common baseline, so that its figures come from the same frames and run.
"""

from __future__ import annotations

import numpy as np
import zstandard

from .peer import Encoded, Peer

COMPONENTS = 12
CODES = 4096
ROUNDS = 12
_BLOCK = 8192


def nearest_codes(vectors: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """Index of the nearest code of each vector.

    Args:
        vectors: (N, K) float32.
        codebook: (M, K) float32.

    Returns:
        (N,) int64.
    """
    half_norms = 0.5 * np.square(codebook).sum(axis=1)
    nearest = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), _BLOCK):
        nearest[start : start + _BLOCK] = np.argmax(vectors[start : start + _BLOCK] @ codebook.T - half_norms, axis=1)
    return nearest


def fit_codebook(vectors: np.ndarray, n_codes: int, rounds: int, seed: int = 0) -> np.ndarray:
    """Lloyd's k-means; a code that lost all its vectors starts anew at the vector that is served worst.

    Args:
        vectors: (N, K) float32.
        n_codes: M, at most N are made.
        rounds: Rounds.
        seed: Of the first choice.

    Returns:
        (M, K) float32.
    """
    rng = np.random.default_rng(seed)
    n_codes = min(n_codes, len(vectors))
    codebook = vectors[rng.choice(len(vectors), n_codes, replace=False)].copy()
    for _ in range(rounds):
        chosen = nearest_codes(vectors, codebook)
        counts = np.bincount(chosen, minlength=n_codes)
        sums = np.stack([np.bincount(chosen, vectors[:, k], n_codes) for k in range(vectors.shape[1])], axis=1)
        error = np.square(vectors - codebook[chosen]).sum(axis=1)
        codebook = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            codebook[empty] = vectors[np.argsort(error)[-len(empty) :]]
    return codebook


def _bits(index: np.ndarray, n_bits: int) -> bytes:
    bits = (index[:, None] >> np.arange(n_bits - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def _encode(frames: np.ndarray, valid: np.ndarray, n_codes: float) -> Encoded:
    n_frames = len(frames)
    days = frames[:, valid].transpose(1, 0, 2).reshape(int(valid.sum()), -1).astype(np.float32)
    mean = days.mean(axis=0)
    centered = days - mean
    _, vectors = np.linalg.eigh((centered.T @ centered).astype(np.float64))
    basis = vectors[:, ::-1][:, :COMPONENTS].astype(np.float16)  # as stored
    coefficients = centered @ basis.astype(np.float32)
    codebook = fit_codebook(coefficients, int(n_codes), ROUNDS).astype(np.float16)
    index = nearest_codes(coefficients, codebook.astype(np.float32))
    n_bits = max(1, (len(codebook) - 1).bit_length())
    mask = zstandard.ZstdCompressor(level=19).compress(np.packbits(valid).tobytes())
    parts = (mean.astype(np.float16).tobytes(), basis.tobytes(), codebook.tobytes(), _bits(index, n_bits), mask)

    def decode() -> np.ndarray:
        decoded = np.zeros_like(frames)
        palette = mean.astype(np.float16).astype(np.float32) + codebook.astype(np.float32) @ basis.astype(np.float32).T
        palette_codes = np.clip(np.rint(palette), 0, 255).astype(np.uint8).reshape(len(codebook), n_frames, 3)
        for t in range(n_frames):
            decoded[t][valid] = palette_codes[index, t]
        return decoded

    return Encoded(sum(map(len, parts)), decode)


PEERS = (
    Peer(
        "pca-vq",
        f"PCA of each texel's day to {COMPONENTS} components, k-means of {ROUNDS} rounds, one code per valid texel in "
        "plain bits; basis and codebook in half floats; reimplemented here",
        "codes",
        (float(CODES),),
        "yes",
        _encode,
    ),
)
