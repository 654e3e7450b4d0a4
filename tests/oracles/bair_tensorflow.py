"""A small TFRecord file in the layout of BAIR robot pushing, written by TensorFlow; needs tensorflow-cpu, not torch.

    python tests/oracles/bair_tensorflow.py --output tests/golden/bair_records.tfrecords.gz

Three records of 30 frames and two cameras, with the features that the published files have. Frame i of camera c in record r
is `frame(r, c, i)` below, which the test computes again. The file is stored compressed, since most bytes repeat, with a
.json that records how it was made. Also written: masked CRC-32C values of a few byte strings, as TensorFlow computes
them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

RECORDS = 3
CRC_INPUTS = {
    "empty": b"",
    "digits": b"123456789",
    "zeros": bytes(32),
    "ones": b"\xff" * 32,
    "count": bytes(range(256)) * 9,
}


def frame(record: int, camera: str, number: int) -> np.ndarray:
    """Bands of 8 rows: a different value for each record, camera, frame, band and channel."""
    bands = np.arange(64, dtype=np.int64)[:, None, None] // 8
    channels = np.arange(3, dtype=np.int64)
    value = 80 * record + 40 * (camera == "image_aux1") + number + 11 * bands + 3 * channels
    return np.broadcast_to(value, (64, 64, 3)).astype(np.uint8)


def _example(record: int) -> bytes:
    def of_bytes(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_floats(count: int) -> tf.train.Feature:
        return tf.train.Feature(float_list=tf.train.FloatList(value=[record + 0.5] * count))

    features = {}
    for number in range(30):
        for camera in ("image_main", "image_aux1"):
            features[f"{number}/{camera}/encoded"] = of_bytes(frame(record, camera, number).tobytes())
        features[f"{number}/action"] = of_floats(4)
        features[f"{number}/endeffector_pos"] = of_floats(3)
    features["trajectory"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[record, -1]))
    features["nothing"] = tf.train.Feature()
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _masked_crc(data: bytes) -> int:
    """The checksum that TensorFlow stores after a record of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "one")
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(data)
        return int.from_bytes(Path(path).read_bytes()[-4:], "little")


def main() -> None:
    """Parse the command line and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the .tfrecords.gz file to write")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traj_0_to_2.tfrecords"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in range(RECORDS):
                writer.write(_example(record))
        content = path.read_bytes()
    notes = {
        "command": "python tests/oracles/bair_tensorflow.py --output tests/golden/bair_records.tfrecords.gz",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "tensorflow": tf.__version__},
        "seed": "none: every byte follows from its place",
        "records": RECORDS,
        "masked_crc32c": {name: _masked_crc(data) for name, data in CRC_INPUTS.items()},
    }
    output.write_bytes(gzip.compress(content, 9, mtime=0))
    output.with_name(output.name.replace(".tfrecords.gz", ".json")).write_text(json.dumps(notes, indent=1) + "\n")


if __name__ == "__main__":
    main()
