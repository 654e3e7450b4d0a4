"""Requests to a model and clips from its samples: seeds, labels, context frames, and refusals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.kinds import KINDS, implied_kind
from vidbench.scoring.clip_sources import ModelSource, sample_labels
from vidbench.scoring.features import FeatureStore, extract
from vidbench.scoring.seeds import sample_seeds
from vidmetrics.networks import load_network

CLIPS = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3, 3), dtype=np.uint8)
INDICES = np.array([4, 1])


def a_task(context_frames, labels="none"):
    return SimpleNamespace(
        name="small", kind=None, does=KINDS[implied_kind(context_frames)], given_frames=context_frames,
        data=SimpleNamespace(actions=False), predicted_frames=5 - context_frames, evaluation=SimpleNamespace(labels=labels, prompts="none"),
        clips=SimpleNamespace(context_frames=context_frames, height=4, width=3, num_frames=5),
    )  # fmt: skip


def a_split(class_names=(), labels=None):
    return SimpleNamespace(class_names=class_names, labels=labels, read=lambda indices: CLIPS[indices])


def a_source(context_frames, answer, task=None, split=None):
    asked = []

    def sample(request):
        asked.append(request)
        return answer

    model = SimpleNamespace(sample=sample)
    task = task or a_task(context_frames)
    return ModelSource(model, {"name": "mine"}, task, split or a_split(), seed=3, truncation=0.5), asked


def test_predictions_continue_the_context_frames_of_their_clips():
    answer = np.full((2, 3, 4, 3, 3), 7, np.uint8)
    source, asked = a_source(2, answer)
    clips = source.read(INDICES)
    np.testing.assert_array_equal(clips, np.concatenate([CLIPS[[4, 1], :2], answer], axis=1))
    (request,) = asked
    np.testing.assert_array_equal(request.context_NTHWC, CLIPS[[4, 1], :2])
    assert request.context_NTHWC.flags.c_contiguous
    assert request.seeds.tolist() == sample_seeds(3, INDICES).tolist()
    assert (request.num_frames, request.truncation, request.labels) == (3, 0.5, None)


def test_generated_clips_are_those_of_the_model():
    answer = np.full((2, 5, 4, 3, 3), 9, np.uint8)
    source, asked = a_source(0, answer)
    assert source.read(INDICES) is answer
    assert asked[0].context_NTHWC is None


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros((2, 5, 4, 3, 3), np.float32),
        np.zeros((2, 5, 3, 4, 3), np.uint8),
        np.zeros((1, 5, 4, 3, 3), np.uint8),
        np.zeros((2, 5, 4, 3, 3), np.uint8).tolist(),
        None,
    ],
)
def test_other_answers_are_refused(answer):
    source, _ = a_source(0, answer)
    with pytest.raises(InputError, match=r"The model 'mine' returned .* uint8 array \[2, 5, 4, 3, 3\]"):
        source.read(INDICES)


def test_labels_of_samples():
    names, of_clips = ("a", "b", "c"), np.array([2, 2, 0, 1, 0, 1])
    split = a_split(names, of_clips)
    assert sample_labels(a_task(0), INDICES, split) is None
    assert sample_labels(a_task(0, "balanced"), INDICES, split).tolist() == [1, 1]
    assert sample_labels(a_task(0, "evaluation"), INDICES, split).tolist() == [0, 2]
    # Without labels of clips, balanced ones need the classes alone.
    assert sample_labels(a_task(0, "balanced"), np.arange(5), a_split(names)).tolist() == [0, 1, 2, 0, 1]
    for task, without in (
        (a_task(0, "evaluation"), a_split(names)), (a_task(0, "balanced"), a_split()), (a_task(0, "evaluation"), a_split()),
    ):  # fmt: skip
        with pytest.raises(InputError, match="is class-conditional, but its data has no labels"):
            sample_labels(task, INDICES, without)
    source, asked = a_source(0, np.zeros((2, 5, 4, 3, 3), np.uint8), a_task(0, "evaluation"), split)
    source.read(INDICES)
    assert asked[0].labels.tolist() == [0, 2]


DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("context_frames", [0, 2])
def test_a_tensor_stays_where_the_model_made_it_and_reads_as_the_array(context_frames, device):
    samples = CLIPS[:2, context_frames:]
    from_array, _ = a_source(context_frames, samples)
    from_tensor, _ = a_source(context_frames, torch.from_numpy(samples).to(device))
    expected = from_array.read(INDICES)
    assert from_array.read_in_place(INDICES) is samples or context_frames
    in_place = from_tensor.read_in_place(INDICES)
    assert in_place.device.type == device
    assert in_place.dtype == torch.uint8
    for read in (from_tensor.read(INDICES), in_place.cpu().numpy()):
        np.testing.assert_array_equal(read, expected, strict=True)


@pytest.mark.parametrize("device", DEVICES)
def test_features_of_a_models_tensors_are_those_of_its_arrays(tmp_path, device):
    samples = np.random.default_rng(1).integers(0, 256, (70, 12, 32, 32, 3), dtype=np.uint8)
    network = load_network("shapes", device=device)
    stores = {}
    for kind, there in (("arrays", samples), ("tensors", torch.from_numpy(samples).to(device))):
        model = SimpleNamespace(sample=lambda request, there=there: there[request.indices[0] : request.indices[-1] + 1])
        task = SimpleNamespace(
            name="small", kind=None, does=KINDS["generate"], given_frames=0, data=SimpleNamespace(actions=False),
            predicted_frames=12, evaluation=SimpleNamespace(labels="none", prompts="none"),
            clips=SimpleNamespace(context_frames=0, height=32, width=32, num_frames=12),
        )  # fmt: skip
        source = ModelSource(model, {"name": "mine"}, task, a_split(), seed=3)
        stores[kind] = FeatureStore(tmp_path / kind / "features", 70)
        extract(
            source, [network], [stores[kind]], [0, 1], batch_size=24, ranks=Ranks(0, 1), advance=lambda *_: None,
            title="Samples",
        )  # fmt: skip
    for shard in (0, 1):
        assert stores["arrays"].path(shard).read_bytes() == stores["tensors"].path(shard).read_bytes()


def test_a_tensor_of_another_type_or_shape_is_refused():
    for wrong in (torch.zeros(2, 5, 4, 3, 3), torch.zeros(2, 4, 4, 3, 3, dtype=torch.uint8)):
        source, _ = a_source(0, wrong)
        with pytest.raises(InputError, match=r"requires a numpy uint8 array \[2, 5, 4, 3, 3\].*torch tensor"):
            source.read(INDICES)
