"""The peer's side of ``benchmarks/decode.py``; runs in an environment with decord, and imports nothing of ours.

    python decord_clips.py LENGTH VIDEO START...

Opens the video for each clip, as a training set of many files does, and prints one line of JSON: clips per second of CPU time.
"""

from __future__ import annotations

import json
import sys
import time

import decord


def main() -> None:
    """Read every clip once."""
    length, video, *starts = sys.argv[1:]
    decord.VideoReader(video, num_threads=1)
    begun = time.process_time()
    for start in map(int, starts):
        reader = decord.VideoReader(video, num_threads=1)
        clip = reader.get_batch(range(start, start + int(length))).asnumpy()
        assert clip.shape[0] == int(length)
    print(json.dumps({"clips_per_cpu_second": len(starts) / (time.process_time() - begun)}))


if __name__ == "__main__":
    main()
