"""What is no submission is said to be none; the rehearsal's environment hides this repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from todpack.submission.environment import clean_variables
from todpack.submission.errors import SubmissionError
from todpack.submission.manifest import read_manifest


def test_no_submission(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"expected a submission with manifest\.json, found none"):
        read_manifest(tmp_path)
    for text in ("", "[]", '{"manifest_format": 2}', '{"manifest_format": 1, "archive": "a", "files": {}}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(SubmissionError, match=r"manifest\.json: (not a readable manifest|expected a manifest)"):
            read_manifest(tmp_path)


def test_environment_hides_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/work")
    monkeypatch.setenv("VIRTUAL_ENV", "/venv")
    variables = clean_variables()
    assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LPIPS_ALEXNET"} & set(variables)
    assert variables["PYTHONNOUSERSITE"] == "1"
