"""The spellings that users of the original recipe type, and what they are here; docs/migrating.md is for people."""

from __future__ import annotations

from collections.abc import Collection

COMMANDS = {"run-search": "search"}
"""Names of commands."""
OPTIONS: dict[str, tuple[str, ...]] = {
    "--output-dir": ("--out-dir", "--out"),
    "--out-base": ("--out",),
    "--data-dir": ("--data", ""),
    "--space": ("",),
    "--baseline-encoder": ("--use-baseline-encoder",),
    "--hash-warmup": ("--hash-epochs",),
}
"""Names of options: the first that a command has is meant; "" stands for an argument."""
BARE = {"--ptq": "percentile"}
"""Values that options have which are given without one."""
VALUES = {"--hash-merge": {"weighted": "learned"}}
"""Names of choices."""


def as_here(words: list[str], options: Collection[str], choices: Collection[str] = ()) -> list[str]:
    """Words of a command line in our spelling.

    Args:
        words: Of a command.
        options: The options that it has, with their dashes.
        choices: What an option in BARE takes.
    """
    found: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            return found + words[number:]
        name, has_value, value = word.partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        before = found[-1] if found else ""
        if name in options or name not in OPTIONS:
            meant = name
        else:
            meant = next((one for one in OPTIONS[name] if not one or one in options), name)
        if not name.startswith("--"):
            found.append(VALUES.get(before, {}).get(word, word))
        elif has_value:
            value = VALUES.get(meant, {}).get(value, value)
            found.append(f"{meant}={value}" if meant else value)
        elif meant:
            found.append(meant)
            following = words[number + 1] if number + 1 < len(words) else ""
            if meant in BARE and meant in options and following not in choices:
                found.append(BARE[meant])
    return found
