"""When a result is official, and every reason why it may not be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidbench.data.clip_dataset import ClipDataset
from vidbench.tasks.loading import LoadedTask
from vidbench.tasks.rehearsals import REASON, is_rehearsal
from vidbench.tasks.words import status_sentence

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


def unofficial_reasons(
    loaded: LoadedTask,
    *,
    num_samples: int,
    seed: int,
    precision: str,
    networks: Sequence[Network],
    datasets: Sequence[ClipDataset],
    extra: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return one sentence for each deviation of a run from its task; empty means official.

    Args:
        loaded: the task and its origin.
        num_samples: samples scored.
        seed: seed of the samples.
        precision: precision of the networks.
        networks: the networks.
        datasets: the real splits, reference set first.
        extra: reasons found in the samples themselves.
    """
    task = loaded.task
    reasons = [REASON] if is_rehearsal(task.name) else []
    if not loaded.shipped:
        reasons.append(f"The task comes from a file of the user's own ({task.name}), not from vidbench.")
    if task.status == "broken":
        reasons.append(status_sentence(task))
    if task.clips.pixels != "exact":
        reasons.append(
            f"Frames were converted to RGB by '{task.clips.pixels}', which depends on the processor and serves comparison "
            "with published numbers only."
        )
    if task.evaluation.codec != "none":
        reasons.append(
            f"Both sides passed through the codec '{task.evaluation.codec}', whose bytes depend on the version of the encoder."
        )
    if num_samples != task.evaluation.num_samples:
        reasons.append(f"{num_samples} samples were scored where the task requires {task.evaluation.num_samples}.")
    if seed != task.evaluation.seed:
        reasons.append(f"The seed is {seed} where the task requires {task.evaluation.seed}.")
    if precision not in task.evaluation.precision:
        allowed = ", ".join(task.evaluation.precision)
        reasons.append(f"The networks ran with precision '{precision}' where the task allows {allowed}.")
    reasons += [
        f"The weights of '{network.name}' are not proven to be the published ones."
        for network in networks
        if not network.proven
    ]
    coverage = min(dataset.coverage for dataset in datasets)
    if coverage < task.data.min_coverage:
        reasons.append(
            f"Only {coverage:.2%} of the official clips are available; the task requires {task.data.min_coverage:.2%}."
        )
    wanted = task.reference.num_clips
    if wanted != "all" and datasets[0].num_clips < wanted:
        reasons.append(f"The reference set has {datasets[0].num_clips} clips where the task requires {wanted}.")
    return (*reasons, *extra)
