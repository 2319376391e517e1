"""`requirements.txt` of a bundle: what the decompressor imports, pinned to the versions it was checked with."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from .errors import SubmissionError

PACKAGES = ("numpy", "zstandard")
GPU_WHEELS = (
    "platform_machine == 'x86_64' and sys_platform == 'linux' or "
    "platform_machine == 'AMD64' and sys_platform == 'win32'"
)
NO_GPU_WHEELS = (
    "(platform_machine != 'x86_64' or sys_platform != 'linux') and "
    "(platform_machine != 'AMD64' or sys_platform != 'win32')"
)


def _installed(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    raise SubmissionError(f"requirements.txt: expected {' or '.join(names)} to be installed, found none")


def pinned_requirements(needs_ans: bool) -> str:
    """The text of `requirements.txt`.

    Args:
        needs_ans: The archive has coefficients that only the package constriction decodes.

    Raises:
        SubmissionError: one of the packages is not installed here, so that there is nothing to pin it to.
    """
    onnxruntime = _installed("onnxruntime-gpu", "onnxruntime")
    packages = (*PACKAGES, "constriction") if needs_ans else PACKAGES
    lines = [f"{name}=={_installed(name)}" for name in packages]
    lines.append(f"onnxruntime-gpu=={onnxruntime}; {GPU_WHEELS}")
    lines.append(f"onnxruntime=={onnxruntime}; {NO_GPU_WHEELS}")
    return "\n".join(sorted(lines)) + "\n"
