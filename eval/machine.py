"""The machine that figures were measured on: processor, load, versions of the packages that were measured."""

from __future__ import annotations

import contextlib
import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = {  # the first that is installed gives the version
    "todpack": ("todpack",),
    "numpy": ("numpy",),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime"),
    "av": ("av",),
    "imagecodecs": ("imagecodecs",),
}


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name() -> str:
    """The processor's name with the number of cores this process may use, e.g. "Xeon ..., 2 cores"."""
    name = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        models = [line for line in listing.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {usable_cores()} cores"


def package_version(package: str) -> str:
    """Version of a package, under whichever name it was installed, or "absent"."""
    for name in _PACKAGES.get(package, (package,)):
        with contextlib.suppress(PackageNotFoundError):
            return version(name)
    return "absent"


def machine(threads: int) -> dict[str, object]:
    """Processor with cores, date, threads, load and the versions of what was measured."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "cpu": cpu_name(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "threads": threads,
        "load": load,
        "versions": {name: package_version(name) for name in _PACKAGES},
    }


def machine_line(described: dict[str, object]) -> str:
    """`machine` in one line."""
    versions = described["versions"]
    assert isinstance(versions, dict)
    load = described["load"]
    parts = [
        str(described["cpu"]),
        str(described["date"]),
        f"threads {described['threads']}",
        *([f"load at the start {load:.1f}"] if isinstance(load, float) else []),
        *(f"{name} {found}" for name, found in versions.items()),
    ]
    return ", ".join(parts)
