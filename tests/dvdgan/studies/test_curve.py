"""Curves from logs."""

import io

import pytest
from PIL import Image

from dvdgan.studies.curve import draw_curves, end_to_end, main, read_log, smooth

LOG = """{"event": "start", "step": 0, "settings": {"d_lr": 1}}
{"step": 2, "loss_spatial": 2.0, "loss_generator": -1.0, "clips_per_s": 9.0}
{"step": 4, "loss_spatial": 9.0, "loss_generator": -1.0}
{"event": "metrics", "step": 4, "metrics": {"fvd-shapes": 80.0}}
{"event": "resume", "step": 2}
{"step": 4, "loss_spatial": 1.0, "loss_generator": -3.0}
{"event": "metrics", "step": 6, "metrics": {"fvd-shapes": 40.0}}
"""


def test_a_step_made_twice_counts_once_and_metrics_are_apart(tmp_path):
    (tmp_path / "train.jsonl").write_text(LOG)
    losses, metrics = read_log(tmp_path / "train.jsonl")
    assert losses["loss_spatial"] == [(2, 2.0), (4, 1.0)]
    assert metrics == {"fvd-shapes": [(4, 80.0), (6, 40.0)]}
    assert "d_lr" not in losses
    assert smooth([(1, 1.0), (2, 3.0), (3, 5.0)], 2) == [(2, 2.0), (3, 5.0)]


def test_the_command_draws_a_panel_for_each_metric(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="curves need matplotlib (vidbench[plots])")
    (tmp_path / "train.jsonl").write_text(LOG)
    assert main([str(tmp_path), "-o", str(tmp_path / "out" / "curve.png")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "curve.png")
    losses, metrics = read_log(tmp_path / "train.jsonl")
    sizes = [Image.open(io.BytesIO(draw_curves(losses, shown, "t"))).size for shown in ({}, metrics)]
    assert sizes[1][0] > sizes[0][0]


def test_logs_of_runs_that_followed_each_other_are_joined(tmp_path):
    paths = [tmp_path / name for name in ("one.jsonl", "two.jsonl", "three.jsonl")]
    for path, scale in zip(paths, (1, 10, 100), strict=True):
        path.write_text(f'{{"step": 2, "loss_spatial": {scale}}}\n{{"step": 5, "loss_spatial": {2 * scale}}}\n')
    with paths[1].open("a") as file:  # the first log measured nothing
        file.write('{"event": "metrics", "step": 4, "metrics": {"fvd-shapes": 8.0}}\n')
    losses, metrics = end_to_end(map(read_log, paths))
    assert losses["loss_spatial"] == [(2, 1), (5, 2), (7, 10), (10, 20), (12, 100), (15, 200)]
    assert metrics == {"fvd-shapes": [(9, 8.0)]}


@pytest.mark.parametrize(
    ("text", "words"), [(None, "no log"), ("{}\n", "Line 1"), ("hello\n", "Line 1"), (LOG.splitlines()[0], "no losses")]
)
def test_a_file_that_is_no_log_is_refused(tmp_path, capsys, text, words):
    if text is not None:
        (tmp_path / "train.jsonl").write_text(text)
    assert main([str(tmp_path / "train.jsonl"), "-o", str(tmp_path / "c.png")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "c.png").exists()
