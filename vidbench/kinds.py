"""The kinds of task: what a model is given of a held-out clip, what it has to return, and which trivial models bound its scores.

Whoever needs to know asks the kind of a task (`vidbench.tasks.schema.Task.does`) for one of these facts and never compares its name,
so that a kind is one entry here, the method of a model that it calls (`vidbench.models.interface`) and the request that this method gets
(`vidbench.scoring.clip_sources`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Name = Literal["generate", "predict", "rollout", "act", "reconstruct"]
"""What the key ``kind`` of a task file may say."""

Given = Literal["nothing", "context", "clip"]
"""What a model is given of the held-out clip that a sample belongs to."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What distinguishes the tasks of one kind.

    Attributes:
        name: value of the key ``kind``, what a model does.
        noun: the same as a noun; with an s it names the samples.
        method: method of a model that a task calls with a request for a batch.
        given: what a model is given of each held-out clip.
        given_words: the same in words, in the plural.
        relates: how a sample relates to what was given, as a verb.
        bounds: names of the trivial models that bound the scores, best first.
        labels: values that ``evaluation.labels`` may have.
        several: whether one clip may be given for several samples.
        truncates: whether the latents of models may be truncated.
        in_windows: whether the scores are also computed in windows against time.
        by_actions: whether models are given actions along with the context frames.
        conditioning: what leaderboards say of the condition; empty where it depends on the labels.
    """

    name: Name
    noun: str
    method: str
    given: Given
    given_words: str = ""
    relates: str = ""
    bounds: tuple[str, ...]
    labels: tuple[str, ...]
    several: bool = False
    truncates: bool = True
    in_windows: bool = False
    by_actions: bool = False
    conditioning: str = ""

    def given_frames(self, num_frames: int, context_frames: int) -> int:
        """Return the number of frames of a clip that a model is given, from the start.

        Args:
            num_frames: length of a clip.
            context_frames: context frames of the task.
        """
        return {"nothing": 0, "context": context_frames, "clip": num_frames}[self.given]


_KINDS = (
    Kind(
        name="generate",
        noun="generation",
        method="sample",
        given="nothing",
        bounds=("real", "static", "noise"),
        labels=("balanced", "evaluation", "none"),
    ),
    Kind(
        name="predict",
        noun="prediction",
        method="sample",
        given="context",
        given_words="context frames",
        relates="continues",
        bounds=("real", "copy", "static", "noise"),
        labels=("evaluation", "none"),
        several=True,
        conditioning="frames",
    ),
    Kind(
        name="rollout",
        noun="rollout",
        method="rollout",
        given="context",
        given_words="context frames",
        relates="continues",
        bounds=("real", "copy", "noise"),
        labels=("evaluation", "none"),
        several=True,
        truncates=False,
        in_windows=True,
        conditioning="frames",
    ),
    Kind(
        name="act",
        noun="action-conditioned prediction",
        method="act",
        given="context",
        given_words="context frames",
        relates="continues",
        bounds=("real", "copy", "noise"),
        labels=("evaluation", "none"),
        several=True,
        truncates=False,
        by_actions=True,
        conditioning="actions",
    ),
    Kind(
        name="reconstruct",
        noun="reconstruction",
        method="reconstruct",
        given="clip",
        given_words="clips",
        relates="reconstructs",
        bounds=("identity", "jpeg", "half"),
        labels=("none",),
        truncates=False,
        conditioning="clip",
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every kind by name."""

BOUND_NAMES = frozenset(name for kind in _KINDS for name in kind.bounds)
"""Names of the trivial models of all kinds."""


def implied_kind(context_frames: int) -> Name:
    """Return the kind of a task that declares none."""
    return "predict" if context_frames else "generate"


def kinds_of(model: Any) -> tuple[str, ...]:
    """Return the kinds of task that a model, or a class of models, is for.

    These are the ones in its attribute ``kinds``; without it all whose method it has, so that a model that samples is asked both to
    generate and to predict.
    """
    declared: Iterable[str] | None = getattr(model, "kinds", None)
    if declared is not None:
        return tuple(declared)
    return tuple(kind.name for kind in _KINDS if callable(getattr(model, kind.method, None)))
