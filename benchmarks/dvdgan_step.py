"""Measure step time, real clips per second and peak memory of DVD-GAN training; prints JSON.

    python benchmarks/dvdgan_step.py --preset k600-12x128 --compile none,graphs,fused --seconds 20 --json steps.json

For each preset and compile mode, the batch size is halved from --largest until it fits. Complete updates (all
discriminator steps and the generator step, as in `vidbench train`) are then timed on random clips that are already on
the device, so data loading is excluded. Compilation and warm-up are timed separately; for a large preset, cuDNN's
algorithm search adds a minute, which --set autotune=false skips.

Under torchrun, every process has one GPU (--device cpu: none) and --batch clips of its own; the first prints, and the clips of all
processes count:

    torchrun --standalone --nproc-per-node 2 benchmarks/dvdgan_step.py --preset k600-12x64 --compile fused --batch 256

--peer also times the same update in eager PyTorch with torch's own operations (`peers/eager_dvdgan.py`), update by update in turn, so that
other users of the machine slow both alike; its ratios are of medians, on a CPU of CPU seconds.
"""

from __future__ import annotations

import argparse
import fcntl
import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from dated_results import add_record_option, processor, record
from peers import eager_dvdgan
from profiles.kernel_table import kernel_table

from dvdgan.config import MODELS, Settings, resolve_auto
from dvdgan.fast import graphs
from dvdgan.fast.modes import compute_dtype
from dvdgan.parallel import World
from dvdgan.presets import PRESETS
from dvdgan.setting import AUTO
from dvdgan.settings_text import settings_from_text
from dvdgan.training.training_log import device_name, versions
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask

SMALLEST, FEWEST, MOST = 2, 3, 50
# What --record keeps of a measurement.
COLUMNS = (
    "preset", "network", "processes", "compile", "compile_used", "precision", "batch_size", "step_seconds", "cpu_seconds", "timed_steps",
    "real_clips_per_second", "times_the_peer", "peak_memory_gib", "device_days",
)  # fmt: skip
PEER = "peer (eager torch)"
WARM_UP = graphs.WARM_UP + 2  # capturing a graph and replaying it for the first time are not timed


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--preset", action="append", help="preset from dvdgan.presets, which also sets the clip shape; repeatable"
    )
    parser.add_argument(
        "--shape",
        metavar="TxCxSxK",
        help="instead of a preset: frames, context frames, side and classes, such as 12x0x32x24",
    )
    parser.add_argument("--model", default="dvdgan", help="registered model to take default settings from")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting; repeatable"
    )
    parser.add_argument("--compile", default="none", help="compile modes, comma-separated")
    parser.add_argument("--largest", type=int, default=512, help="first batch size to try")
    parser.add_argument("--batch", type=int, help="measure this batch size of a process only, without a search")
    parser.add_argument("--seconds", type=float, default=20, help="duration of the timed steps of each measurement")
    parser.add_argument("--limit", type=float, default=600, help="start no new measurement after this many seconds")
    parser.add_argument(
        "--steps", type=int, default=300_000, help="steps assumed in the GPU-days estimate; default: the paper's"
    )
    parser.add_argument(
        "--global-batch", type=int, default=512, help="batch size assumed in the estimate; default: the paper's"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--peer", action="store_true", help="also time eager PyTorch, see above")
    parser.add_argument(
        "--profile", action="store_true", help="also list the kernels of an update on a GPU by their time"
    )
    parser.add_argument(
        "--turn", type=Path, metavar="FILE",
        help="a lock on this file is shared during the first update, which compiles, and held alone from then on, so that several such "
        "programs may compile side by side on a GPU",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, help="threads of torch on a CPU")
    parser.add_argument("--json", type=Path, help="also write the report to this file after every measurement")
    add_record_option(parser)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    rank, processes = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    if processes > 1:
        args.device = args.device if args.device == "cpu" else f"cuda:{os.environ['LOCAL_RANK']}"
        if args.batch is None or args.peer or args.turn:
            parser.error("several processes need --batch, and have neither --peer nor --turn")
    world = World(torch.device(args.device), rank, processes)
    try:
        report = _all(args, world)
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    if not world.is_main:
        return
    print(json.dumps(report, indent=2))
    if args.record:
        rows = [{column: row.get(column, "") for column in COLUMNS} for row in report["measurements"]]
        on_cpu = args.device == "cpu"
        note = f"{torch.get_num_threads()} threads; load average {report['load']:.1f} at the start." if on_cpu else ""
        print(record(args.record, rows, device="" if on_cpu else report["device_name"], note=note), file=sys.stderr)


def _all(args: argparse.Namespace, world: World) -> dict[str, Any]:
    device, started = torch.device(args.device), time.monotonic()
    report: dict[str, Any] = {
        "command": " ".join(sys.argv),
        "device_name": device_name(device),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "versions": versions() | {"cuda": torch.version.cuda},
        "load": os.getloadavg()[0],
        "measurements": [],
    }
    given = dict(text.split("=", 1) for text in args.set)
    for name, task, settings in _cases(args.preset, args.shape, args.model, given):
        for mode in args.compile.split(","):
            if time.monotonic() - started > args.limit:
                rows: list[dict[str, Any]] = [{"skipped": f"--limit of {args.limit:g} seconds reached"}]
            else:
                rows = _search(task, settings | {"compile": mode}, args, device, world)
            if not world.is_main:
                continue
            for row in rows:
                report["measurements"].append({"preset": name, "shape": _shape(task), "compile": mode, **row})
                print(f"{name} compile={mode} {row.get('network', '')}: {_words(row)}", file=sys.stderr, flush=True)
            if args.json is not None:
                args.json.write_text(json.dumps(report, indent=2) + "\n")
    return report


def _cases(
    presets: list[str] | None, shape: str | None, model: str, given: dict[str, str]
) -> list[tuple[str, ModelTask, dict[str, Any]]]:
    """Return name, task and settings (values by name) of each measurement."""
    if (presets is None) == (shape is None):
        raise InputError("Pass either --preset or --shape.")
    if shape is not None:
        frames, context, side, classes = (int(part) for part in shape.split("x"))
        return [("none", _task(frames, context, side, classes), _values(model, given))]
    cases = []
    for name in presets or []:
        if name not in PRESETS:
            raise InputError(f"Unknown preset '{name}'; choose from {', '.join(PRESETS)}.")
        p = PRESETS[name]
        task = _task(p.num_frames, p.context_frames, p.side, p.num_classes)
        cases.append((name, task, _values(model, {"preset": name, **given})))
    return cases


def _values(model: str, given: dict[str, str]) -> dict[str, Any]:
    if model not in MODELS:
        raise InputError(f"Unknown model '{model}'; choose from {', '.join(MODELS)}.")
    settings = settings_from_text(given, MODELS[model])
    return {name: getattr(settings, name) for name in settings.to_values()}


def _task(frames: int, context: int, side: int, classes: int) -> ModelTask:
    return ModelTask("benchmark", frames, context, side, side, tuple(f"class {i}" for i in range(classes)))


def _shape(task: ModelTask) -> dict[str, int]:
    return {"frames": task.num_frames, "context_frames": task.context_frames, "side": task.height,
            "classes": task.num_classes}  # fmt: skip


def _search(
    task: ModelTask, values: dict[str, Any], args: argparse.Namespace, device: torch.device, world: World
) -> list[dict[str, Any]]:
    batch, refused = args.batch * world.size if args.batch else args.largest, []
    while True:
        failure = ""
        try:
            rows = _measure(task, Settings(**(values | {"batch_size": batch})), args, device, world)
            return [row | {"did_not_fit": refused} for row in rows]
        except RuntimeError as error:  # out of memory, or too many elements for a kernel's index type
            failure = str(error).splitlines()[0]
        # The exception's frames hold tensors, so memory can be freed only after it is gone.
        _release(device)
        refused.append({"batch_size": batch, "why": failure[:200]})
        if args.batch or batch // 2 < SMALLEST:
            return [{"failed": failure, "did_not_fit": refused}]
        batch //= 2


def _release(device: torch.device) -> None:
    torch.compiler.reset()
    _free(device)


def _free(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


@contextmanager
def _locked(path: Path | None, how: int) -> Iterator[None]:
    """Hold a lock on a file inside the block."""
    if path is None:
        yield
        return
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, how)
        yield


class _Contender:
    """One implementation of the update, and its times."""

    def __init__(
        self,
        task: ModelTask,
        settings: Settings,
        device: torch.device,
        world: World,
        around: Callable[[], AbstractContextManager[None]],
        turn: Path | None,
    ) -> None:
        self.settings, self._around, self.processes = settings, around, world.size
        with around():
            self.networks = Networks(task, settings, 0, device, world)
        clips = len(self.networks.rows)
        shape = (clips, task.num_frames, task.height, task.width, 3)
        self._batch = (
            torch.randint(0, 256, shape, dtype=torch.uint8, device=device),
            torch.randint(0, max(1, task.num_classes), (clips,), device=device),
        )
        self._begun = WARM_UP if device.type == "cuda" else 1  # a processor records nothing
        self._launched: list[torch.cuda.Event] = []
        self._losses: list[torch.Tensor] = []
        with _locked(turn, fcntl.LOCK_SH):
            self.warm_up = [self._update(0)[0]]
            if turn:  # others need the memory meanwhile
                _free(device)
        self.seconds = 0.0
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def end_warm_up(self) -> None:
        """Make the other updates that are not timed, after which each update's time is that from one end to the next."""
        self.warm_up += [self._update(step)[0] for step in range(1, self._begun)]
        for event in self._launched:
            event.synchronize()
        self.seconds = self._update(self._begun)[0]
        for event in self._launched:
            started = time.monotonic()
            event.synchronize()
            self.seconds += time.monotonic() - started
        self._begun += 2
        self._update(self._begun - 1)

    def time_one(self) -> None:
        """Time one more update."""
        wall, cpu = self._update(self._begun + len(self.wall))
        self.wall.append(wall)
        self.cpu.append(cpu)

    def check(self) -> None:
        """Refuse times of updates that computed nonsense."""
        if not bool(torch.isfinite(torch.stack(self._losses)).all()):
            raise InputError("A loss of the benchmark became non-finite; lower the learning rates.")

    def _update(self, step: int) -> tuple[float, float]:
        torch.backends.cudnn.benchmark = self.settings.autotune
        begun, used = time.monotonic(), time.process_time()
        with self._around():
            self._losses.append(self.networks.update(step, lambda draw: self._batch))
        if self._losses[-1].is_cuda:
            # As in training, the processor draws the inputs of an update while the GPU computes the one before.
            self._launched.append(torch.cuda.Event())
            self._launched[-1].record()
            if len(self._launched) > 1:
                self._launched.pop(0).synchronize()
        return time.monotonic() - begun, time.process_time() - used


def _measure(
    task: ModelTask, settings: Settings, args: argparse.Namespace, device: torch.device, world: World
) -> list[dict[str, Any]]:
    if settings.batch_size == AUTO:
        settings = resolve_auto(settings, device.type)
    _release(device)
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    contenders = {"ours": _Contender(task, settings, device, world, nullcontext, args.turn)}
    if args.peer:
        plain = replace(settings, **eager_dvdgan.SETTINGS)
        contenders[PEER] = _Contender(task, plain, device, world, eager_dvdgan.torchs_own_operations, args.turn)
    ours = contenders["ours"]
    with _locked(args.turn, fcntl.LOCK_EX):
        for contender in contenders.values():
            contender.end_warm_up()
        # Beforehand, by the first process's clock: processes that agree on the next update would wait for the one before, untimed.
        count = world.agree(min(MOST, max(FEWEST, math.ceil(args.seconds / ours.seconds))))
        for _ in range(count):
            for contender in contenders.values():
                contender.time_one()
        profile = kernel_table(ours.time_one, 3) if args.profile and cuda else None
    for contender in contenders.values():
        contender.check()
    rows = [_row(name, contender, args, device) for name, contender in contenders.items()]
    if profile:
        rows[0]["profile"] = profile
    kind = "step_seconds" if cuda else "cpu_seconds"
    for row in rows if args.peer else []:
        row["times_the_peer"] = round(rows[-1][kind] / row[kind], 2)
    # Both were in memory: which of them had the peak is not known.
    rows[0]["peak_memory_gib"] = (
        round(torch.cuda.max_memory_allocated(device) / 2**30, 3) if cuda and not args.peer else None
    )
    return rows


def _row(name: str, contender: _Contender, args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    settings, times, networks = contender.settings, contender.wall, contender.networks
    seconds = statistics.median(times)
    clips = settings.d_steps * settings.batch_size / seconds
    days = args.steps * settings.d_steps * args.global_batch / clips / 86400 * contender.processes
    return {
        "network": name,
        "processes": contender.processes,
        "batch_size": settings.batch_size,
        "accumulate": settings.accumulate,
        "precision": str(compute_dtype(settings, device)).removeprefix("torch."),
        "compile_used": networks.launch.mode,
        "note": networks.launch.take_note(),
        "step_seconds": round(seconds, 5),
        "step_seconds_min_max": [round(min(times), 5), round(max(times), 5)],
        "cpu_seconds": round(statistics.median(contender.cpu), 5),
        "timed_steps": len(times),
        "warm_up_seconds": [round(value, 3) for value in contender.warm_up],
        "real_clips_per_second": round(clips, 2),
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in (("generator", networks.generator), *networks.discriminators.items())
        },
        "peak_memory_gib": None,
        "device_days": round(days, 2),
        "device_days_of": f"{args.steps} steps at global batch size {args.global_batch} on such devices, without data loading",
    }


def _words(row: dict[str, Any]) -> str:
    if "batch_size" not in row:
        return str(row.get("failed") or row.get("skipped"))
    memory = f", {row['peak_memory_gib']} GiB" if row["peak_memory_gib"] is not None else ""
    note = f" ({row['note']})" if row["note"] else ""
    return (
        f"batch {row['batch_size']}, {row['step_seconds']:.3f} s/step, {row['real_clips_per_second']:.1f} clips/s{memory}"
        + note
    )


if __name__ == "__main__":
    main()
