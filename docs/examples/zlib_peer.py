"""A codec of one's own as a peer: frames rounded to a step, as differences to the hour before, behind zlib.

todpack eval peers samples/courtyard --peers x265 --peer docs.examples.zlib_peer:ZlibPeer
"""

import zlib

import numpy as np


class ZlibPeer:
    name, unit, settings = "zlib", "step", (4, 8, 16, 24)

    def encode(self, day, setting):
        """day.frames (T, H, W, 3) uint8 or float32, day.valid (H, W), day.hours (T,) -> everything the decoder reads"""
        codes = np.rint(day.frames / setting).astype(np.int16)
        height, width = day.valid.shape
        head = np.array([setting, height, width], "<f4").tobytes()
        return head + zlib.compress(np.diff(codes, axis=0, prepend=np.int16(0)).tobytes(), 9)

    def decode(self, data, hours):
        """What encode gave, and the hours -> frames of the shape and type that were encoded"""
        setting, height, width = np.frombuffer(data[:12], "<f4")
        codes = np.frombuffer(zlib.decompress(data[12:]), np.int16).reshape(len(hours), int(height), int(width), 3)
        return np.clip(np.cumsum(codes, axis=0) * setting, 0, 255).astype(np.uint8)
