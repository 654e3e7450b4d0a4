"""Golden PSNR and SSIM from scikit-image, on seeded frames.

    python -m venv oracle && oracle/bin/pip install scikit-image==0.25.2 numpy==2.2.6
    oracle/bin/python tests/oracles/frames_skimage.py tests/golden/frames_skimage.json

The frames are made by `frames_cases.make`, which is plain integer arithmetic and the same under every numpy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import skimage
from frames_cases import CASES, make
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def main(path: Path) -> None:
    answers = {}
    for name in CASES:
        true_NTHWC, predicted_NTHWC = make(name)
        frames = [
            [(x, y) for x, y in zip(clip_x, clip_y, strict=True)]
            for clip_x, clip_y in zip(true_NTHWC, predicted_NTHWC, strict=True)
        ]
        answers[name] = {
            "psnr": [[float(peak_signal_noise_ratio(x, y, data_range=255)) for x, y in clip] for clip in frames],
            "ssim": [
                [
                    float(
                        structural_similarity(
                            x,
                            y,
                            data_range=255,
                            channel_axis=-1,
                            gaussian_weights=True,
                            sigma=1.5,
                            use_sample_covariance=False,
                        )
                    )
                    for x, y in clip
                ]
                for clip in frames
            ],
        }
    document = {
        "command": "python tests/oracles/frames_skimage.py tests/golden/frames_skimage.json",
        "versions": {"scikit-image": skimage.__version__, "numpy": np.__version__, "python": sys.version.split()[0]},
        "answers": answers,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
