"""Fields that are read from the model's file when a sample asks for them, and let go when memory is short."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

from .model_file import ModelFile
from .node_fields import evaluate


class LazyFields:
    """The fields of a model's file, the least recently used of which go first.

    Attributes:
        file: Where they are read from.
        max_bytes: Bound on the parameters in memory; 0: none. One node is always allowed.
        n_reads: Records read so far.
        peak_bytes: Most parameters that were in memory at once.
    """

    def __init__(self, file: ModelFile, device: torch.device, max_bytes: int = 0) -> None:
        self.file, self.max_bytes, self._device = file, max_bytes, device
        self.n_reads = 0
        self.peak_bytes = 0
        self._resident: OrderedDict[int, Tensor] = OrderedDict()

    @property
    def resident_bytes(self) -> int:
        """Parameters in memory."""
        return len(self._resident) * self.file.record_bytes

    def keep_only(self, nodes: set[int]) -> None:
        """Let go of all nodes but these (those that the next image can see)."""
        for node in [n for n in self._resident if n not in nodes]:
            del self._resident[node]

    def __call__(self, node: Tensor, place: Tensor, direction: Tensor | None) -> Tensor:
        """Values of samples; nodes are taken in groups that fit into memory."""
        wanted, slot = torch.unique(node, return_inverse=True)
        numbers = wanted.tolist()
        group = max(1, self.max_bytes // self.file.record_bytes) if self.max_bytes else max(1, len(numbers))
        values = torch.empty((len(node), 1 if direction is None else 4), device=node.device)
        for start in range(0, len(numbers), group):
            records = torch.stack([self._record(number) for number in numbers[start : start + group]])
            chosen = torch.nonzero((slot >= start) & (slot < start + group))[:, 0]
            values[chosen] = evaluate(
                self.file.layout,
                self.file.layout.split(records),
                slot[chosen] - start,
                place[chosen],
                None if direction is None else direction[chosen],
            )
        return values

    def _record(self, node: int) -> Tensor:
        if node in self._resident:
            self._resident.move_to_end(node)
            return self._resident[node]
        while self.max_bytes and self._resident and self.resident_bytes + self.file.record_bytes > self.max_bytes:
            self._resident.popitem(last=False)
        self._resident[node] = self.file.record(node).to(self._device)
        self.n_reads += 1
        self.peak_bytes = max(self.peak_bytes, self.resident_bytes)
        return self._resident[node]
