"""A grader written from the contest's public description alone: it shares no code with the project.

python independent_grader.py SUBMISSION DATASET, from any working directory.
"""

import json
import os
import sys

import numpy as np
import torch

submission, dataset = sys.argv[1:3]
sys.path.insert(0, submission)
import Interface  # noqa: E402

assert os.path.dirname(os.path.abspath(Interface.__file__)) == os.path.abspath(submission)
device = torch.device("cpu")
rng = np.random.default_rng(5)
with open(os.path.join(dataset, "config.json")) as file:
    config = json.load(file)
assert config["lightmap_count"] == len(config["lightmap_list"])
decibels, raw_bytes = [], 0
for lightmap in config["lightmap_list"]:
    height, width = lightmap["resolution"]["height"], lightmap["resolution"]["width"]
    raw_bytes += height * width * 3 * 4 * 24
    decoder = Interface.get(lightmap, device)
    for key, name in lightmap["lightmaps"].items():
        time = int(key) / 100
        places = [os.path.join(dataset, folder) for folder in ("", "Data")]
        folder = next(p for p in places if os.path.exists(os.path.join(p, name)))
        original = np.fromfile(os.path.join(folder, name), "<f4").reshape(height, width, 3)
        mask = np.fromfile(os.path.join(folder, lightmap["masks"][key]), np.int8).reshape(height, width)
        decoder.reconstruct(time)
        result = decoder.get_result()
        assert isinstance(result, torch.Tensor) and result.device == device
        assert result.shape == (1, 3, height, width) and result.dtype == torch.float32
        for kind in (np.array, torch.tensor):
            y, x = int(rng.integers(height)), int(rng.integers(width))
            texel = decoder.random_test(kind([[y, x, time]]))
            assert texel.shape == (1, 3) and texel.device == device
            assert float((texel[0] - result[0, :, y, x]).abs().max()) <= 1e-2
        result[:, :, torch.from_numpy(mask <= 0)] = 0
        assert torch.equal(decoder.get_result()[0, :, mask > 0], result[0, :, mask > 0])
        decoded = result[0].permute(1, 2, 0).numpy()
        for top in range(0, height, 256):
            for left in range(0, width, 256):
                tile = np.s_[top : top + 256, left : left + 256]
                valid = mask[tile] > 0
                if not valid.any() or original[tile][valid].max() == 0:
                    continue
                error = original[tile][valid].astype(np.float64) - decoded[tile][valid]
                decibels.append(10 * np.log10(float(original[tile][valid].max()) ** 2 / np.mean(error**2)))
used = sum(
    os.path.getsize(os.path.join(root, file))
    for root, _, files in os.walk(os.path.join(submission, "Parameters"))
    for file in files
)
print(json.dumps({"psnr_db": float(np.mean(decibels)), "ratio": used / raw_bytes}))
