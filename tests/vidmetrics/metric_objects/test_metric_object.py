"""A metric as an object: the bits of the command, however the clips arrive; one pass for all metrics on a network."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch

import vidmetrics
from tests.vidmetrics.metric_objects.rank_program import clips
from vidbench.jobs.measure import MeasureOptions, measure_clips
from vidbench.progress import Progress
from vidbench.samples.clip_folder import ClipShape
from vidbench.scoring.features import SHARD_SIZE
from vidmetrics import InputError
from vidmetrics.metric_objects.statistics_files import CLIPS_AT_ONCE
from vidmetrics.networks.network import Network

IDS = ("fvd-shapes", "fid-shapes", "kvd-shapes", "is-shapes", "coverage-shapes")
REAL, GENERATED = clips(1, 69), clips(0, 45)


def updated(real=REAL, generated=GENERATED, ids=IDS, **options):
    metrics = vidmetrics.metric(ids, **options)
    metrics.update(real, real=True)
    metrics.update(generated, real=False)
    return metrics


@pytest.fixture(scope="module")
def whole():
    return updated().compute()


def test_the_bits_are_those_of_the_command(whole, tmp_path):
    np.save(tmp_path / "real.npy", REAL)
    np.save(tmp_path / "generated.npy", GENERATED)
    options = MeasureOptions(metrics=IDS, shape=ClipShape(8), device="cpu")
    found = measure_clips(tmp_path / "real.npy", tmp_path / "generated.npy", options, Progress(enabled=False)).metrics
    for id, estimate in whole.items():
        command = found[id]
        assert (estimate.value, estimate.interval) == (command.value, command.interval)
        assert (estimate.num_samples, estimate.num_reference) == (command.num_samples, command.num_reference)
    assert CLIPS_AT_ONCE == SHARD_SIZE


def test_batches_merges_and_states_change_no_bit(whole, tmp_path):
    one, other = (vidmetrics.metric(list(IDS)) for _ in range(2))
    one.update((REAL[start : start + 7] for start in range(0, 49, 7)), real=True)
    one.update(torch.from_numpy(GENERATED[:13].copy()), real=False)
    other.update(list(REAL[49:]), real=True)
    other.update(GENERATED[13:].transpose(0, 4, 1, 2, 3) / 127.5 - 1, real=False, layout="NCTHW", value_range=(-1, 1))
    one.merge(other)
    assert one.compute() == whole
    torch.save(one.state_dict(), tmp_path / "state.pt")
    third = vidmetrics.metric(IDS)
    third.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert third.compute() == whole
    third.reset(keep_real=True)
    with pytest.raises(InputError, match="no generated clips"):
        third.compute()
    third.update(GENERATED, real=False)
    assert third.compute() == whole
    third.reset()
    third.update(GENERATED, real=False)
    with pytest.raises(InputError, match="compares with real clips"):
        third.compute()


def test_no_order_of_the_clips_and_their_labels_moves_an_interval(whole):
    labels = np.arange(len(GENERATED)) % 3
    order = np.argsort(labels, kind="stable")
    for given in (None, labels):
        found = []
        for places in (np.arange(len(GENERATED)), order):
            metric = vidmetrics.metric("fvd-shapes")
            metric.update(REAL, real=True)
            for part in np.split(places, [10, 31]):
                metric.update(GENERATED[part], real=False, labels=None if given is None else given[part])
            state = metric.state_dict()
            metric.reset()
            metric.load_state_dict(state)
            found.append(metric.compute())
        assert found[0].value == pytest.approx(found[1].value, rel=1e-5)
        assert found[0].interval == pytest.approx(found[1].interval, rel=1e-4)
        assert found[0].groups_sha256 == found[1].groups_sha256
        assert (found[0].groups_sha256 == whole["fvd-shapes"].groups_sha256) == (given is None)
        assert len(found[0].leave_one_out) == 20


def test_labels_are_one_for_each_clip():
    metric = vidmetrics.metric("fvd-shapes")
    for labels, said in (([0, 1], "2 labels for at least 45"), (range(46), "46 labels for 45 generated clips")):
        with pytest.raises(InputError, match=said):
            metric.update(GENERATED, real=False, labels=list(labels))
    for labels in ([-1] * 45, [0.5] * 45, [[0]] * 45):
        with pytest.raises(InputError, match="one integer of at least 0 is needed for each clip"):
            metric.update(GENERATED, real=False, labels=labels)
    with pytest.raises(InputError, match="whatever their labels; omit them"):
        vidmetrics.measure("psnr", REAL[:2], REAL[:2], labels=[0, 1])
    with pytest.raises(InputError, match="no generated clips"):
        metric.compute()


def test_one_load_and_one_pass_serve_all_metrics_on_a_network(monkeypatch):
    loads, passes = [], []
    load = vidmetrics.load_network

    class Counted(Network):
        def __call__(self, clips_NTHWC):
            passes.append(len(clips_NTHWC))
            return super().__call__(clips_NTHWC)

    def counted(name, **options):
        loads.append(name)
        network = load(name, **options)
        network.__class__ = Counted
        return network

    monkeypatch.setattr("vidmetrics.networks.load_network", counted)
    updated().compute()
    assert loads == ["shapes"]
    assert passes == [32, 32, 32, 13, 5]


def test_a_single_id_gives_one_estimate(whole):
    estimate = updated(ids="fvd-shapes").compute()
    assert estimate == whole["fvd-shapes"]
    assert float(estimate) == estimate.value


def test_other_sizes_and_lengths_are_refused_and_change_nothing(whole):
    metrics = updated()
    with pytest.raises(InputError, match="Real clips have 8 frames of 32x32 and generated clips 9 frames of 32x32"):
        updated(generated=clips(0, 5)[:, [0, *range(8)]])
    with pytest.raises(InputError, match="Some generated clips have 8 frames of 16x32 and others 8 frames of 32x32"):
        metrics.update(GENERATED[:, :, :, :16], real=False)
    with pytest.raises(InputError, match="needs clips of at least 8 frames, not 4"):
        vidmetrics.metric("fvd-shapes").update(GENERATED[:, :4], real=False)
    assert metrics.compute() == whole


def test_what_cannot_be_done_is_refused():
    with pytest.raises(InputError, match="'psnr' compares each predicted frame"):
        vidmetrics.metric("psnr")
    with pytest.raises(InputError, match=r"takes one metric id, not a list; for several make vidmetrics\.metric"):
        vidmetrics.measure(["fvd-shapes"], REAL, GENERATED)
    with pytest.raises(InputError, match="no metric to compute"):
        vidmetrics.metric([])
    with pytest.raises(InputError, match="batch_size is at least 1"):
        vidmetrics.metric("fvd-shapes", batch_size=0)
    with pytest.raises(InputError, match="'is-shapes' uses only generated clips"):
        vidmetrics.metric("is-shapes").update(REAL, real=True)
    with pytest.raises(InputError, match="cannot take clips from those of kvd-shapes"):
        vidmetrics.metric("fvd-shapes").merge(vidmetrics.metric("kvd-shapes"))
    state = updated(ids="fvd-shapes").state_dict()
    with pytest.raises(InputError, match="The state is not of kvd-shapes"):
        vidmetrics.metric("kvd-shapes").load_state_dict(state)
    del state["real/waiting"]
    with pytest.raises(InputError, match="The state of the real clips"):
        vidmetrics.metric("fvd-shapes").load_state_dict(state)


def test_statistics_take_the_place_of_the_clips(whole, tmp_path):
    updated().statistics().save(tmp_path / "real.safetensors")
    statistics = vidmetrics.Statistics.load(tmp_path / "real.safetensors")
    assert (statistics.num_clips, statistics.size) == (69, (8, 32, 32))
    assert (
        str(statistics)
        == "statistics of 69 clips, 8 frames of 32x32, for fvd-shapes, fid-shapes, kvd-shapes, coverage-shapes"
    )
    metrics = updated(real=statistics)
    assert metrics.compute() == whole
    other = vidmetrics.metric(IDS)
    other.load_state_dict(metrics.state_dict())
    assert other.compute() == whole
    assert vidmetrics.fvd_shapes(statistics, GENERATED) == whole["fvd-shapes"].value
    with pytest.raises(InputError, match="given by Statistics already"):
        metrics.update(REAL, real=True)
    with pytest.raises(InputError, match="real clips already"):
        updated().update(statistics, real=True)
    with pytest.raises(InputError, match="Statistics are of real clips"):
        updated().update(statistics, real=False)
    smaller = vidmetrics.metric("fvd-shapes")
    smaller.update(GENERATED[:, :, :16], real=False)
    with pytest.raises(InputError, match="Real clips have 8 frames of 32x32 and generated clips 8 frames of 32x16"):
        smaller.update(statistics, real=True)


def test_statistics_of_other_metrics_weights_or_bytes_are_refused(tmp_path):
    path = tmp_path / "real.safetensors"
    updated(ids="fvd-shapes").statistics().save(path)
    content = path.read_bytes()
    assert len(content) < 10_000  # the mean and the covariance of 24 logits
    with pytest.raises(InputError, match="are of fvd-shapes and do not serve 'kvd-shapes'"):
        vidmetrics.metric("kvd-shapes").update(vidmetrics.Statistics.load(path), real=True)
    fewer = dataclasses.replace(vidmetrics.Statistics.load(path), num_clips=68)
    with pytest.raises(InputError, match="are of 69 rows of 24 features where 68 of 24 belong to their clips"):
        updated(real=fewer, ids="fvd-shapes")
    network = vidmetrics.load_network("shapes")
    network.weights_sha256 = "ab" * 32
    with pytest.raises(InputError, match=r"'shapes' with weights sha256 [0-9a-f]{64}, and here it is abab"):
        updated(real=vidmetrics.Statistics.load(path), ids="fvd-shapes", networks={"shapes": network})
    for place in (40, len(content) // 2, len(content) - 9):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"real.safetensors holds no statistics of real clips \("):
            vidmetrics.Statistics.load(path)
    with pytest.raises(InputError, match="no file of statistics at"):
        vidmetrics.Statistics.load(tmp_path / "absent.safetensors")
    with pytest.raises(InputError, match=r"use real\.safetensors"):
        updated(ids="fvd-shapes").statistics().save(tmp_path / "real.npz")
    with pytest.raises(InputError, match="no real clips to save"):
        vidmetrics.metric("fvd-shapes").statistics()


def test_fewer_samples_than_features_warn_with_the_bias_to_expect():
    with pytest.warns(
        UserWarning, match=r"fvd-shapes of 20 generated and 69 real clips is biased upwards.*24 features.*score about"
    ) as seen:
        updated(generated=GENERATED[:20], ids="fvd-shapes").compute()
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        updated(ids="fvd-shapes").compute()
        updated(generated=GENERATED[:20], ids="kvd-shapes").compute()  # unbiased


def test_the_network_may_be_loaded_by_the_caller():
    network = vidmetrics.load_network("shapes")
    with pytest.raises(InputError, match="defined on 'i3d-kinetics-400', not on 'shapes'"):
        vidmetrics.metric("fvd", networks={"i3d-kinetics-400": network})


@pytest.mark.parametrize(
    "failing",
    [
        lambda: iter([GENERATED[:20], GENERATED[20:30, :, :, :16]]),
        lambda: [*GENERATED[:40], GENERATED[0, :, :16]],
        lambda: (batch for batch in (GENERATED[:33] / 255, np.full((2, 8, 32, 32, 3), np.nan))),
    ],
    ids=["iter", "list", "nan"],
)
def test_an_update_that_is_refused_adds_none_of_its_clips(failing):
    metrics = vidmetrics.metric("is-shapes", value_range=(0, 1))
    for start in (None, 7):  # nothing, and clips that wait for a batch
        if start:
            metrics.update(GENERATED[:start], real=False)
        before = metrics.state_dict()
        with pytest.raises(InputError):
            metrics.update(failing(), real=False)
        after = metrics.state_dict()
        assert list(after) == list(before)
        assert all(torch.equal(after[key], before[key]) for key in before if key != "made_by")
    metrics.update(GENERATED[7:], real=False)
    assert metrics.compute() == vidmetrics.measure("is-shapes", None, GENERATED)


def test_a_merge_of_other_sizes_on_any_side_is_refused_and_changes_nothing():
    real, small = REAL[:4], GENERATED[:4, :, :16, :16]
    given = updated(real=real, generated=[], ids="fvd-shapes").statistics()
    for sides in ((given, []), (real, []), (given, GENERATED[:4])):
        for swapped in (False, True):
            one, other = updated(*sides, ids="fvd-shapes"), updated([], small, ids="fvd-shapes")
            one, other = (other, one) if swapped else (one, other)
            before = one.state_dict()
            with pytest.raises(InputError, match=r"have 8 frames of (32x32|16x16) and .* 8 frames of (32x32|16x16); "):
                one.merge(other)
            after = one.state_dict()
            assert list(after) == list(before)
            assert all(torch.equal(after[key], before[key]) for key in before if key != "made_by")
    kept = updated([], small, ids="fvd-shapes")
    kept.load_state_dict(
        updated(given, [], ids="fvd-shapes").state_dict()
        | {key: value for key, value in kept.state_dict().items() if key.startswith("generated/")}
    )
    with pytest.raises(InputError, match="The two sides have clips of 8 frames of 16x16 and 8 frames of 32x32;"):
        kept.compute()


def test_a_state_serves_an_object_of_smaller_batches():
    smaller = vidmetrics.metric("is-shapes", batch_size=8)
    saved = vidmetrics.metric("is-shapes", batch_size=32)
    saved.update(GENERATED[:20], real=False)
    smaller.load_state_dict(saved.state_dict())
    at_once = vidmetrics.metric("is-shapes", batch_size=8)
    at_once.update(GENERATED[:20], real=False)
    assert smaller.compute() == at_once.compute()
