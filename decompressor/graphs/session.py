"""onnxruntime sessions: one place for providers, threads and logging. The package is imported when it is needed."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import InvalidGraphError, RequestError
from ..forks import ForkedAfter, importing
from ..memory import MemoryAccount
from .check import read_graph
from .shapes import GraphCost, GraphInputs
from .wire import Graph

if TYPE_CHECKING:
    from .engine import onnxruntime

log = logging.getLogger("todpack.decompress")

PROVIDERS = ("auto", "cpu", "cuda")
_CUDA_LIBRARIES = (
    ("libcuda.so.1",),
    ("libcudart.so.12", "libcudart.so.13"),
    ("libcublasLt.so.12", "libcublasLt.so.13"),
)
_starting = ForkedAfter()
"""onnxruntime has locks of its own while a session starts."""
_SILENT = 4  # onnxruntime's "fatal": a session that cannot start raises; nothing else is for the user


def _cuda_libraries_load() -> bool:
    """True where the driver and CUDA's runtime load; onnxruntime would print pages of errors where they do not."""
    for names in _CUDA_LIBRARIES:
        for name in names:
            try:
                ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            return False
    return True


def choose_provider(provider: str) -> str:
    """Resolve "auto" to "cuda" where CUDA is really there, else "cpu".

    Raises:
        RequestError: an unknown name, or "cuda" where it is not there.
    """
    if provider not in PROVIDERS:
        raise RequestError(f"provider: expected one of {', '.join(PROVIDERS)}, found {provider!r}")
    if provider == "cpu":
        return "cpu"
    with importing.raw:
        from .engine import onnxruntime
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers() and _cuda_is_here():
        return "cuda"
    if provider == "cuda":
        raise RequestError("provider: expected a CUDA device for 'cuda', found none; use 'auto' or 'cpu'")
    return "cpu"


@cache  # C's: once it is known, nothing of this is done again beside what other threads do
def _cuda_is_here() -> bool:
    with importing.raw:
        from .engine import onnxruntime
    if hasattr(onnxruntime, "preload_dlls") and _has_nvidia_wheels():
        onnxruntime.preload_dlls(cuda=True, cudnn=True, msvc=False)
    return _cuda_libraries_load()


def _has_nvidia_wheels() -> bool:
    """Not asked of Python's import system: Ctrl-C there may leave its lock held, and other threads wait for ever."""
    return any(os.path.isdir(os.path.join(folder, "nvidia")) for folder in sys.path if folder)


def check_model(
    model: bytes, inputs: GraphInputs, *, max_nodes: int, memory: MemoryAccount, where: str
) -> tuple[Graph, GraphCost]:
    """Check a graph before any runtime has it.

    Args:
        model: Serialized ONNX model.
        inputs: What will be fed, at its largest.
        max_nodes: Cap on the number of nodes.
        memory: What is left to the file.
        where: Archive and section, for messages.

    Returns:
        The graph, and what runs take.

    Raises:
        InvalidGraphError: not allowed.
        LimitExceededError: it would take more memory than is left.
    """
    try:
        graph, cost = read_graph(model, inputs, max_nodes)
    except InvalidGraphError as error:
        raise InvalidGraphError(f"{where}: {error}") from error
    memory.take(cost.session_bytes + cost.n_bytes, f"{where}: the graph")
    return graph, cost


def make_session(
    model: bytes,
    inputs: GraphInputs,
    *,
    provider: str,
    max_nodes: int,
    memory: MemoryAccount,
    where: str,
) -> tuple[onnxruntime.InferenceSession, GraphCost]:
    """`check_model`, then `start_session`: the session, and what runs take."""
    _, cost = check_model(model, inputs, max_nodes=max_nodes, memory=memory, where=where)
    return start_session(model, provider=provider, where=where), cost


def start_session(model: bytes, *, provider: str, where: str) -> onnxruntime.InferenceSession:
    """Make a graph that was checked ready to run as it is, in the thread that runs it: sessions have no threads.

    Where onnxruntime shares a product among threads, it adds up in another order than in one (over 128 terms). And
    threads are not there in a forked child.

    Args:
        model: Serialized ONNX model.
        provider: "cpu" or "cuda".
        where: For messages.
    """
    with importing.raw:
        from .engine import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _SILENT
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = False  # it grows by powers of two, beyond what was counted, and keeps what it has
    # what rewrites graphs took a minute for one that was counted as a second, and a fusion ended the process
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # else each node that takes what a DequantizeLinear makes gets one of its own
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    providers: list[Any] = ["CPUExecutionProvider"]
    if provider == "cuda":  # TensorFloat-32 keeps 10 bits of what the archive's arithmetic needs all 24
        providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": "0"}))
    try:
        with _starting.raw:
            return onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # onnxruntime raises a dozen unrelated classes, all meaning "this graph does not load"
        if not _is_onnxruntimes(error):
            raise
        raise InvalidGraphError(f"{where}: onnxruntime cannot load the graph: {_first_line(error)}") from error


def run_session(session: onnxruntime.InferenceSession, output: str, feeds: dict[str, Any], where: str) -> Any:
    """Run a graph and return one output; errors as of `run_outputs`."""
    return run_outputs(session, [output], feeds, where)[0]


def run_outputs(
    session: onnxruntime.InferenceSession, outputs: list[str], feeds: dict[str, Any], where: str
) -> list[Any]:
    """Run a graph and return some of its outputs.

    Raises:
        InvalidGraphError: inputs do not fit the graph, or it fails.
    """
    try:
        found: list[Any] = session.run(outputs, feeds)
        return found
    except Exception as error:  # as above
        if not _is_onnxruntimes(error):
            raise
        raise InvalidGraphError(f"{where}: the graph fails: {_first_line(error)}") from error


def _is_onnxruntimes(error: Exception) -> bool:
    """Whether it is about the graph; another one is the caller's own, such as that of a time limit."""
    is_usual = isinstance(error, RuntimeError | ValueError | TypeError)
    return is_usual or type(error).__module__.partition(".")[0] == "onnxruntime"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
