"""Nodes spread over processes: the top levels in each, every subtree below in one.

A process draws its own rays. Their samples of nodes that others own are sent there, evaluated, and the values sent
back; gradients take the same way. So a process holds parameters and optimizer state of its own subtrees only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..config import InfNeRFConfig
from .node_fields import NodeFields
from .octree import Octree

REPLICATED = -1


def owners(octree: Octree, replicated_depth: int, n_processes: int) -> np.ndarray:
    """Who holds each field: (n + 1,) int64 ranks, -1 for those that all hold (top levels, background).

    Subtrees go, largest first, to the process that has the fewest nodes so far.
    """
    root = octree.subtree_roots(replicated_depth)
    owner = np.full(len(octree) + 1, REPLICATED, np.int64)
    roots, sizes = np.unique(root[root >= 0], return_counts=True)
    load = np.zeros(n_processes, np.int64)
    for index in np.lexsort((roots, -sizes)):
        rank = int(load.argmin())
        load[rank] += sizes[index]
        owner[:-1][root == roots[index]] = rank
    return owner


def owners_as_held(own: Tensor, n_fields: int) -> np.ndarray:
    """`owners` from what each process holds already: pruning leaves fields where they are.

    Args:
        own: (m,) numbers of the fields that this process alone holds.
        n_fields: All fields.
    """
    held = torch.full((n_fields,), REPLICATED, dtype=torch.int64, device=own.device)
    held[own] = dist.get_rank()
    dist.all_reduce(held, dist.ReduceOp.MAX)
    return held.cpu().numpy()


class ShardedFields(nn.Module):
    """The fields of an octree, of which this process holds the top and its own subtrees.

    Attributes:
        top: Fields that every process holds; their gradients are averaged by DistributedDataParallel.
        own: Fields that this process alone holds.
        owner: (n + 1,) int64, see `owners`.
    """

    owner: Tensor

    def __init__(self, config: InfNeRFConfig, owner: np.ndarray, records: Tensor | None = None) -> None:
        super().__init__()
        self.rank, self.n_processes = dist.get_rank(), dist.get_world_size()
        self.register_buffer("owner", torch.from_numpy(owner), persistent=False)
        top = torch.from_numpy(np.flatnonzero(owner == REPLICATED))
        own = torch.from_numpy(np.flatnonzero(owner == self.rank))
        self.top = NodeFields(config, top, None if records is None else records[: len(top)])
        self.own = NodeFields(config, own, None if records is None else records[len(top) :])

    def forward(self, node: Tensor, place: Tensor, direction: Tensor | None) -> Tensor:
        """Values of samples of any nodes; every process must call it equally often."""
        owner = self.owner[node]
        order = torch.argsort(owner, stable=True)
        n_top = int((owner == REPLICATED).sum())
        here, away = order[:n_top], order[n_top:]
        inputs = [node[:, None].to(torch.float64), place.to(torch.float64)]
        if direction is not None:
            inputs.append(direction.to(torch.float64))
        sent = torch.bincount(owner[away], minlength=self.n_processes)
        received = torch.empty_like(sent)
        dist.all_to_all_single(received, sent)
        to_send, to_receive = sent.tolist(), received.tolist()
        asked = _exchange(torch.cat([part[away] for part in inputs], dim=1), to_send, to_receive)
        answers = self._own_values(asked, place.dtype, direction is not None)
        returned = _Exchange.apply(answers, to_receive, to_send)
        top = self.top(node[here], place[here], None if direction is None else direction[here])
        values = torch.cat([top, returned])
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        return values[back]

    def _own_values(self, asked: Tensor, dtype: torch.dtype, colored: bool) -> Tensor:
        if len(asked) == 0:  # still tied to the parameters, so that the backward pass meets the others' exchange
            tie = sum((value.sum() * 0.0 for value in self.own.values().values()), torch.zeros((), device=asked.device))
            return torch.zeros((0, 4 if colored else 1), device=asked.device) + tie
        place, direction = asked[:, 1:4].to(dtype), asked[:, 4:].to(dtype) if colored else None
        values: Tensor = self.own(asked[:, 0].to(torch.int64), place, direction)
        return values


def _exchange(rows: Tensor, to_send: list[int], to_receive: list[int]) -> Tensor:
    result = rows.new_empty((sum(to_receive), rows.shape[1]))
    dist.all_to_all_single(result, rows.contiguous(), to_receive, to_send)
    return result


class _Exchange(torch.autograd.Function):
    """Rows to the processes that asked for them; gradients come back to where the rows were made."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, to_send: list[int], to_receive: list[int]) -> Tensor:
        ctx.counts = to_send, to_receive
        return _exchange(rows, to_send, to_receive)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        to_send, to_receive = ctx.counts
        return _exchange(gradient, to_receive, to_send), None, None


def gather_records(fields: NodeFields | ShardedFields, n_fields: int) -> Tensor | None:
    """All fields' records, (n_fields, n_parameters), by number; in process 0, None elsewhere."""
    if isinstance(fields, NodeFields):
        return fields.records().cpu()
    own, device = fields.own.records().contiguous(), fields.owner.device
    if fields.rank != 0:
        dist.send(own, 0)
        return None
    records = torch.empty((n_fields, fields.top.layout.n_parameters))
    records[fields.top.nodes.cpu()] = fields.top.records().cpu()
    records[fields.own.nodes.cpu()] = own.cpu()
    for rank in range(1, fields.n_processes):
        nodes = torch.nonzero(fields.owner == rank)[:, 0].cpu()
        part = torch.empty((len(nodes), fields.top.layout.n_parameters), device=device)
        dist.recv(part, rank)
        records[nodes] = part.cpu()
    return records
