"""A real headless Chromium, and one with WebGPU; tests/conftest.py brings them to all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# software rendering: no GPU is needed, and every machine computes the same
FLAGS = (
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WEBGPU_FLAGS = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
NODE_MODULES = Path(__file__).resolve().parent / "node_modules"


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Any]:
    """Playwright's synchronous interface, of which a process has one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


def _launched(playwright: Any, flags: tuple[str, ...]) -> Any:
    names = [os.environ.get("TODPACK_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    assert found is not None, "no Chromium: run `make test-browser`, which installs one"
    return playwright.chromium.launch(executable_path=found, args=list(flags))


@pytest.fixture(scope="session")
def chromium(playwright_driver: Any) -> Iterator[Any]:
    """The browser, of Playwright's synchronous interface."""
    browser = _launched(playwright_driver, FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def webgpu_chromium(playwright_driver: Any) -> Iterator[Any]:
    """The same with WebGPU, computed in software; pages have to come from localhost."""
    browser = _launched(playwright_driver, (*FLAGS, *WEBGPU_FLAGS))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder of npm's packages, see package.json here."""
    if not (NODE_MODULES / "ktx-parse").is_dir():
        pytest.skip("no npm packages: run `make test-browser`, which installs them")
    return NODE_MODULES
