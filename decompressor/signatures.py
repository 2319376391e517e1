"""How files that todpack wrote say so: each kind at one place of its format. What does not is somebody else's."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import BinaryIO

from .hours_file import HEADING, UNSIGNED, listed

WRITTEN_BY = {"written_by": "todpack"}
"""The first field of figures in JSON."""
MARKDOWN = "<!-- written by todpack -->"
"""Of a page in Markdown, under its title and an empty line."""
ZIP_COMMENT = b"todpack"
"""Of zip files, and of arrays and weights, which are stored in one."""
LOG_COLUMNS = "(epoch,loss|sweep,bytes_estimate|stage,step,bytes_estimate),psnr_estimate_db"
"""What log.csv of a training begins with, an expression."""
PLACE_BYTES = 4096  # at either end of a file

_FIELD = re.escape(json.dumps(WRITTEN_BY)[1:-1]).encode()
_BEGINNINGS = {
    ".tod": rb"\x89TOD\r\n\x1a\n",
    ".json": rb"\s*\{\s*" + _FIELD + rb"\s*[,}]",
    ".html": rb'\s*<!doctype html>((?!<body|<!--).)*<meta name="generator" content="todpack">',
    ".md": rb"# [^\n]*\n\n" + re.escape(MARKDOWN).encode() + rb"\n",
    ".csv": LOG_COLUMNS.encode() + rb"[,\n]",
    ".txt": re.escape(HEADING).encode() + rb"\n",
    ".png": rb"\x89PNG\r\n\x1a\n.{25}\0\0\0\x10tEXtSoftware\0todpack",  # the chunk behind IHDR
    ".exr": rb"\x76\x2f\x31\x01.*?software\0string\0\x07\0\0\0todpack",
    ".svg": rb"<\?xml((?!</metadata>).)*<dc:creator>\s*<cc:Agent>\s*<dc:title>todpack</dc:title>",
    ".ckpt": rb"PK\x03\x04.*?data\.pkl.*?\0checkpoint_format",
    **dict.fromkeys((".infnerf", ".pth"), rb"INFNERF\x01"),
}
_ENDS = {
    ".mp4": rb"\xa9cmt\0\0\0\x17data\0\0\0\x01\0\0\0\0todpack",
    **dict.fromkeys((".zip", ".npz", ".pt"), rb"PK\x05\x06.{16}" + bytes((len(ZIP_COMMENT), 0)) + ZIP_COMMENT),
}


def is_earlier_output(path: Path) -> bool:
    """Whether a file may be replaced without asking: it is empty, or says in the way of its kind that todpack wrote it.

    Files that have no place for a name, arrays and plain floats, are ours where our hours.txt lists them.
    """
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            head = file.read(PLACE_BYTES)
            file.seek(max(0, path.stat().st_size - PLACE_BYTES))
            tail = file.read()
    except OSError:
        return False
    suffix = path.suffix.lower()
    if suffix in UNSIGNED and head:
        return path.name in listed(path.parent)
    if suffix in _BEGINNINGS:
        return not head or re.match(_BEGINNINGS[suffix], head, re.DOTALL) is not None
    if suffix in _ENDS:
        return not head or re.search(_ENDS[suffix] + rb"\Z", tail, re.DOTALL) is not None
    return not head


def sign_zip(file: BinaryIO) -> None:
    """Put our comment into a zip file that was written without one.

    Source: PKWARE, APPNOTE.TXT 6.3.10, 4.3.16 "End of central directory record": length of the comment, comment.
    """
    file.seek(-2, os.SEEK_END)
    file.write(len(ZIP_COMMENT).to_bytes(2, "little") + ZIP_COMMENT)
