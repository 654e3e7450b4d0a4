"""Every metric's interval has its nominal coverage, in short runs of the simulation behind docs/intervals.md."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("interval_coverage", ROOT / "tools" / "interval_coverage.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


# 150 repetitions scatter by 1.8 % about 95 %; three of these standard deviations are allowed. Jackknives err on
# the safe side where a statistic is far from linear (equal distributions); how far is bounded too.
SAFE = {"Fréchet distance at infinity": 2.0}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("Fréchet distance", "far"),
        ("Fréchet distance, 4 frames a clip", "near"),
        ("Fréchet distance at infinity", "far"),
        ("Inception Score, 1 split", "near"),
        ("Inception Score, 10 splits", "near"),
        ("kernel distance (KVD)", "near"),
        ("kernel distance, subsets (KID)", "far"),
        ("precision", "near"),
        ("recall", "near"),
        ("recall", "far"),
        ("density", "far"),
        ("coverage", "near"),
        ("mean over clips (PSNR, SSIM)", "near"),
    ],
)
def test_covers(tool, name, case):
    repetitions = 50 if "subsets" in name or "infinity" in name else 150
    found = tool.simulate(name, case, 100, repetitions, seed=1, num_real=300)
    assert found.coverage >= 0.95 - 3 * (0.95 * 0.05 / repetitions) ** 0.5
    # A correct interval is no wider than necessary.
    assert 0.8 <= found.width <= SAFE.get(name, 1.35)


def test_equal_distributions_are_covered_too(tool):
    for name in ("Fréchet distance", "kernel distance (KVD)"):
        found = tool.simulate(name, "same", 100, 100, seed=2, num_real=300)
        assert found.coverage >= 0.9
        assert found.width <= 2.2


def test_groups_that_are_ranges_can_be_dealt_out_and_drawn_ones_cannot(tool):
    ranges, drawn, balanced = (tool.simulate_order("dealt out", groups, 4, count=120) for groups in tool.GROUPS)
    assert ranges.width < 0.5 * balanced.width < 0.5 * drawn.width
    for groups, dealt in zip(tool.GROUPS[1:], (drawn, balanced), strict=True):
        in_turn = tool.simulate_order("labels in turn", groups, 4, count=120)
        assert (in_turn.coverage, in_turn.width) == (dealt.coverage, pytest.approx(dealt.width, rel=1e-6))


def test_obvious_alternatives_do_not_cover(tool):
    # Real rows share generated balls, so their coverage is not independent; the subsets of KID share rows.
    assert tool.simulate("recall", "far", 100, 100).naive < 0.8
    assert tool.simulate("kernel distance, subsets (KID)", "far", 100, 30, num_real=300).naive < 0.6
