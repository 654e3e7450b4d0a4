"""What a result says that it was made from, compared with what is given to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidbench.distributed.ranks import process_group
from vidbench.errors import InputError
from vidbench.models.choice import choose_model, model_names
from vidbench.progress import Progress
from vidbench.results.schema import DataRecord, ModelRecord, NetworkRecord, Result
from vidbench.samples.exchange import open_samples
from vidbench.samples.pairing import names_clips
from vidbench.scoring.assemble import network_record, split_records
from vidbench.scoring.clip_sources import open_model
from vidbench.scoring.run import Run, open_run
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import LoadedTask
from vidmetrics.catalog.network_cards import base_network, embedded_networks
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.home import home
from vidmetrics.regular_files import read_regular

# In every function, `whose` names the result inside a sentence, such as "result of 'ROW'" or "result runs/now/result.json".


def claimed_model(claimed: ModelRecord, given: str | None, whose: str) -> str:
    """Return the model to make a result again from: the one that is given, or the registered one that the result names.

    Raises:
        InputError: the result is of stored samples, or its model is not registered here.
    """
    if claimed.samples_sha256 is not None:
        raise InputError(
            f"The {whose} is of stored samples, whose digest begins with {claimed.samples_sha256[:12]}: give them with "
            "--samples PATH."
        )
    if given is None and claimed.name not in model_names():
        raise InputError(
            f"The {whose} is of the model '{claimed.name}', which is not registered here: give it with "
            "--model NAME:CHECKPOINT or --model package.module:callable."
        )
    return given or claimed.name


def require_samples(claimed: ModelRecord, samples: Path, loaded: LoadedTask, run: RunOptions, whose: str) -> None:
    """Refuse other samples than those of a result.

    Raises:
        InputError: the result is of a model, or the digest of the samples is another.
    """
    wanted, task = claimed.samples_sha256, loaded.task
    if wanted is None:
        raise InputError(
            f"The {whose} is of the model '{claimed.name}' and names no stored samples: "
            "make it again with --model in place of --samples."
        )
    found = open_samples(samples, run.ignore, task.predicted_frames, task.clips.pixels, paired=names_clips(task))
    if found.identity_sha256 != wanted:
        raise InputError(
            f"The samples in {samples} are not those of the {whose}: their digest begins with "
            f"{found.identity_sha256[:12]} and that of the result with {wanted[:12]}; give the samples that were scored."
        )


def require_model(claimed: ModelRecord, model: str, loaded: LoadedTask, run: RunOptions, whose: str) -> ModelRecord:
    """Refuse another model than that of a result before anything is sampled; return its record.

    Raises:
        InputError: the checkpoint is another, or the code of a model without one.
    """
    with process_group() as ranks:
        opened = open_run(loaded, run, ranks=ranks, progress=Progress(enabled=False), default_name="")
        return same_model(claimed, model, opened, whose)


def same_model(claimed: ModelRecord, model: str, opened: Run, whose: str) -> ModelRecord:
    """Return the record of a model, if it is that of a result; see `require_model`."""
    _, record = open_model(
        choose_model(model),
        opened.task,
        opened.evaluation,
        seed=opened.seed,
        num_samples=opened.total_samples,
        device=opened.device,
    )
    if record.checkpoint_sha256 != claimed.checkpoint_sha256:
        has = "no checkpoint" if record.checkpoint_sha256 is None else f"the checkpoint {record.checkpoint_sha256[:12]}"
        want = "none" if claimed.checkpoint_sha256 is None else claimed.checkpoint_sha256[:12]
        raise InputError(
            f"The model '{model}' has {has}, and the {whose} has {want}: give the one that was measured, as "
            "--model NAME:CHECKPOINT."
        )
    if claimed.checkpoint_sha256 is None and record.code_sha256 != claimed.code_sha256:
        raise InputError(
            f"The code of the model '{model}' is not that of the {whose}, and the model has no checkpoint "
            "that identifies it: give the code that was measured."
        )
    return record


def require_same_clips(claimed: DataRecord, now: DataRecord, whose: str) -> None:
    """Refuse other real clips than those of a result.

    Raises:
        InputError: the digest of a split is another.
    """
    for before, after in ((claimed.reference, now.reference), (claimed.evaluation, now.evaluation)):
        _require_same_split(before.sha256, after.sha256, after.split, whose)


def require_same_run(result: Result, opened: Run, whose: str) -> None:
    """Refuse other real clips or other weights than those of a result before anything is computed.

    Raises:
        InputError: the digest of a split, or of the weights of a network, is another.
    """
    for before, after in zip((result.data.reference, result.data.evaluation), split_records(opened), strict=True):
        _require_same_split(before.sha256, after.sha256, after.split, whose)
    for name, record in result.networks.items():
        if name in opened.all_networks:
            _require_same_weights(name, record, network_record(opened.all_networks[name]), whose)


def _require_same_split(before: str, now: str, split: str, whose: str) -> None:
    if before != now:
        raise InputError(
            f"The real clips of the split '{split}' are not those of the {whose}: their digest begins with "
            f"{now[:12]} and that of the result with {before[:12]}; give the same data with --data."
        )


def _require_same_weights(name: str, claimed: NetworkRecord, now: NetworkRecord, whose: str) -> None:
    if claimed.weights_sha256 == now.weights_sha256:
        return
    base = base_network(name)
    if base in embedded_networks():
        brings = "they come with the vidbench that measured it"
    elif claimed.proven:
        brings = f"`vidbench weights fetch {base}` brings the published ones"
    else:
        brings = "`vidbench weights import PATH` imports those that were used"
    raise InputError(
        f"The weights of '{name}' here are not those of the {whose}: their digest begins with {now.weights_sha256[:12]} and that of "
        f"the result with {claimed.weights_sha256[:12]}, {'proven' if claimed.proven else 'unproven'}; {brings}."
    )


def make_empty_home(own: Path) -> Path:
    """Make a home without any cache, and return it; weights, which are proven whenever they are loaded, are those of the user."""
    weights = home() / "weights"
    own.mkdir(exist_ok=True)
    if weights.is_dir() and not (own / "weights").is_symlink():
        (own / "weights").symlink_to(weights.resolve(), target_is_directory=True)
    return own


def plan_of_work(work: Path, name: str, wanted: Mapping[str, object], kind: str) -> dict[str, Any] | None:
    """Return the plan that an earlier run left in a folder of work, which is made; None if the folder is empty.

    Args:
        work: the folder; hidden entries do not count.
        name: name of the file of the plan.
        wanted: values that the plan must have.
        kind: what is worked on, for messages.

    Raises:
        InputError: the plan is damaged or has other values, or the folder holds something else.
    """
    path = work / name
    work.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        if any(not each.name.startswith(".") for each in work.iterdir()):
            raise InputError(f"The folder {work} is not empty and holds no {kind}: choose another --output.")
        return None
    try:
        plan = parse_json(read_regular(path), f"The plan {path}")
    except UnreadableError as error:
        raise InputError(f"{error}: remove {work} or choose another --output.") from None
    if not isinstance(plan, dict) or any(plan.get(key) != value for key, value in wanted.items()):
        raise InputError(f"The folder {work} holds another {kind}: choose another --output.")
    return plan
