"""The exported GLSL and HLSL by glslang, for every kind of archive."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packer.export.conftest import GOLDEN

pytestmark = pytest.mark.skipif(
    shutil.which("glslangValidator") is None, reason="no glslangValidator: run `make test-browser`, which installs it"
)
GLSL = """
uniform highp sampler2DArray maps;
uniform highp sampler2D temporal;
uniform highp float hour;
in highp vec2 uv;
out highp vec4 color;
void main() { color = vec4(todpack_linear(todpack_rgb(maps, temporal, uv, hour)), 1.0); }
"""
HLSL = """
Texture2DArray<float4> maps;
Texture2D<float4> temporal;
SamplerState smooth_;
cbuffer Frame { float hour; };
float4 main(float2 uv : TEXCOORD0) : SV_Target {
  return float4(todpack_linear(todpack_rgb(maps, smooth_, temporal, uv, hour)), 1.0);
}
"""


def compiled(text: str, folder: Path, stage: str, *options: str) -> None:
    file = folder / "shader"
    file.write_text(text, "utf-8")
    command = ["glslangValidator", "-S", stage, *options, str(file)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


ARCHIVES = ("small", "daybasis-gamma-1.1", "daybasis-log-1.1", "daybasis-linear-1.0")


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("profile", ["sample", "load"])
@pytest.mark.thorough
def test_glsl_and_hlsl_compile(
    name: str, profile: str, small_archive: Path, exported: Callable[..., Path], tmp_path: Path
) -> None:
    archive = small_archive if name == "small" else GOLDEN / f"{name}.tod"
    out = exported(archive, "--profile", profile, *(("--texture", "rgba8") if profile == "sample" else ()))
    glsl, hlsl = ((out / f"todpack.{language}").read_text("utf-8") for language in ("glsl", "hlsl"))
    is_sample = profile == "sample"
    stage = "frag" if is_sample else "comp"
    for version in ("#version 300 es", "#version 330") if is_sample else ("#version 310 es", "#version 430"):
        head = f"{version}\nprecision highp float;\n"
        compiled(head + glsl + (GLSL if is_sample else ""), tmp_path, stage)
    compiled(hlsl + (HLSL if is_sample else ""), tmp_path, stage, "-D", "-V", "-e", "main")
    one_row = glsl.replace("#define TODPACK_HOURS 24", "#define TODPACK_HOURS 1")
    if is_sample:
        compiled(f"#version 300 es\nprecision highp float;\n{one_row}{GLSL}", tmp_path, stage)
