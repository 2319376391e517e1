"""Print the lowest versions that pyproject.toml allows, as pins for pip: what `make test-oldest` installs.

The CPU build of onnxruntime stands for the GPU build, which has the same interface and is ten times as large.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXTRAS = ("pack", "eval")
TEST_PACKAGES = ("hypothesis", "pytest")  # of the extra `dev`


def lowest_pins(project: dict[str, Any]) -> list[str]:
    """`name==lowest` of every requirement to decode, pack and test.

    Raises:
        ValueError: a requirement has no lower bound.
    """
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(text for extra in EXTRAS for text in extras[extra])]
    wanted += [text for text in extras["dev"] if re.match(r"[\w-]+", text)[0] in TEST_PACKAGES]  # type: ignore[index]
    pins = []
    for text in wanted:
        match = re.match(r"([\w-]+)>=([\d.]+)", text)
        if match is None:
            raise ValueError(f"{text}: expected name>=version")
        if match[1] != "onnxruntime-gpu":
            pins.append(f"{match[1]}=={match[2]}")
    return sorted(set(pins))


def main() -> int:
    """Print them, one in a line."""
    file = Path(__file__).resolve().parents[1] / "pyproject.toml"
    print("\n".join(lowest_pins(tomllib.loads(file.read_text(encoding="utf-8"))["project"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
