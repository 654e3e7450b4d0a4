"""Step time, real clips per second and peak memory of DVD-GAN training, as JSON.

    python benchmarks/dvdgan_step.py --preset k600-12x128 --compile none,graphs,fused --seconds 20 --json steps.json

For each preset and each way of compiling, the largest batch that fits is looked for from --largest downwards by halves,
then whole updates (all discriminator steps and the generator step, as `vidbench train` makes them) are timed on random
clips that lie on the device: loading of data is not part of it. Compiling and warming up are timed apart; of a large
preset cuDNN's search for algorithms takes a minute of it, which --set autotune=false leaves out.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

from dvdgan.config import AUTO, MODELS, Settings, resolve
from dvdgan.fast import graphs
from dvdgan.fast.modes import compute_dtype
from dvdgan.presets import PRESETS
from dvdgan.settings_text import parse_settings
from dvdgan.training.training_log import device_name, versions
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask

SMALLEST, FEWEST, MOST = 2, 3, 50
WARM_UP = graphs.WARM_UP + 2  # the recording of a graph and its first replay are no steps to time


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append", help="a preset of dvdgan.presets, with its shape; repeatable")
    parser.add_argument("--shape", metavar="TxCxSxK", help="instead: frames, given frames, side, classes: 12x0x32x24")
    parser.add_argument("--model", default="dvdgan", help="registered model whose settings are the base")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting; repeatable")
    parser.add_argument("--compile", default="none", help="ways of compiling, separated by commas")
    parser.add_argument("--largest", type=int, default=512, help="first batch to try")
    parser.add_argument("--batch", type=int, help="this batch alone, no search")
    parser.add_argument("--seconds", type=float, default=20, help="time for the timed steps of one measurement")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which no measurement is begun")
    parser.add_argument("--steps", type=int, default=300_000, help="the paper's steps, for the estimate of GPU-days")
    parser.add_argument("--global-batch", type=int, default=512, help="the paper's batch, for that estimate")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path, help="write there, after every measurement, and print at the end")
    args = parser.parse_args()
    try:
        print(json.dumps(_all(args), indent=2))
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


def _all(args: argparse.Namespace) -> dict[str, Any]:
    device, started = torch.device(args.device), time.monotonic()
    report: dict[str, Any] = {
        "command": " ".join(sys.argv),
        "device_name": device_name(device),
        "versions": versions() | {"cuda": torch.version.cuda},
        "measurements": [],
    }
    given = dict(text.split("=", 1) for text in args.set)
    for name, task, settings in _cases(args.preset, args.shape, args.model, given):
        for mode in args.compile.split(","):
            if time.monotonic() - started > args.limit:
                row: dict[str, Any] = {"skipped": f"the {args.limit:g} seconds of --limit were over"}
            else:
                row = _search(task, settings | {"compile": mode}, args, device)
            report["measurements"].append({"preset": name, "shape": _shape(task), "compile": mode, **row})
            print(f"{name} compile={mode}: {_words(row)}", file=sys.stderr, flush=True)
            if args.json is not None:
                args.json.write_text(json.dumps(report, indent=2) + "\n")
    return report


def _cases(
    presets: list[str] | None, shape: str | None, model: str, given: dict[str, str]
) -> list[tuple[str, ModelTask, dict[str, Any]]]:
    """Name, task and settings (values by name) of what is to be measured."""
    if (presets is None) == (shape is None):
        raise InputError("Give --preset, or --shape, and not both.")
    if shape is not None:
        frames, context, side, classes = (int(part) for part in shape.split("x"))
        return [("none", _task(frames, context, side, classes), _values(model, given))]
    cases = []
    for name in presets or []:
        if name not in PRESETS:
            raise InputError(f"There is no preset '{name}'; known are {', '.join(PRESETS)}.")
        p = PRESETS[name]
        task = _task(p.num_frames, p.context_frames, p.side, p.num_classes)
        cases.append((name, task, _values(model, {"preset": name, **given})))
    return cases


def _values(model: str, given: dict[str, str]) -> dict[str, Any]:
    if model not in MODELS:
        raise InputError(f"There is no model '{model}'; known are {', '.join(MODELS)}.")
    settings = parse_settings(given, MODELS[model])
    return {name: getattr(settings, name) for name in settings.to_values()}


def _task(frames: int, context: int, side: int, classes: int) -> ModelTask:
    return ModelTask("benchmark", frames, context, side, side, tuple(f"class {i}" for i in range(classes)))


def _shape(task: ModelTask) -> dict[str, int]:
    return {"frames": task.num_frames, "given_frames": task.context_frames, "side": task.height,
            "classes": task.num_classes}  # fmt: skip


def _search(task: ModelTask, values: dict[str, Any], args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    batch, refused = args.batch or args.largest, []
    while True:
        failure = ""
        try:
            row = _measure(task, Settings(**(values | {"batch_size": batch})), args, device)
            return row | {"did_not_fit": refused}
        except RuntimeError as error:  # out of memory, or more elements than a kernel can count
            failure = str(error).splitlines()[0]
        # Only here, with the exception and its frames gone, can what they held be given back.
        _release(device)
        refused.append({"batch_size": batch, "why": failure[:200]})
        if args.batch or batch // 2 < SMALLEST:
            return {"failed": failure, "did_not_fit": refused}
        batch //= 2


def _release(device: torch.device) -> None:
    torch.compiler.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _measure(task: ModelTask, settings: Settings, args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    if settings.batch_size == AUTO:
        settings = resolve(settings, device.type)
    _release(device)
    cuda, n = device.type == "cuda", settings.batch_size
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    torch.backends.cudnn.benchmark = settings.autotune
    networks = Networks(task, settings, 0, device)
    shape = (n, task.num_frames, task.height, task.width, 3)
    batch = (
        torch.randint(0, 256, shape, dtype=torch.uint8, device=device),
        torch.randint(0, max(1, task.num_classes), (n,), device=device),
    )

    def update(step: int) -> float:
        begun = time.monotonic()
        finite = bool(torch.isfinite(networks.update(step, lambda draw: batch)).all())  # waits for the device
        if not finite:
            raise InputError(f"A loss was not finite in step {step} of the benchmark; lower the learning rates.")
        return time.monotonic() - begun

    warm_up = [update(step) for step in range(WARM_UP)]
    times: list[float] = []
    while len(times) < FEWEST or (sum(times) < args.seconds and len(times) < MOST):
        times.append(update(WARM_UP + len(times)))
    seconds = statistics.median(times)
    clips = settings.d_steps * n / seconds
    return {
        "batch_size": n,
        "accumulate": settings.accumulate,
        "precision": str(compute_dtype(settings, device)).removeprefix("torch."),
        "compile_used": networks.launch.mode,
        "note": networks.launch.take_note(),
        "step_seconds": round(seconds, 5),
        "step_seconds_min_max": [round(min(times), 5), round(max(times), 5)],
        "timed_steps": len(times),
        "warm_up_seconds": [round(value, 3) for value in warm_up],
        "real_clips_per_second": round(clips, 2),
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in (("generator", networks.generator), *networks.discriminators.items())
        },
        "peak_memory_gib": round(torch.cuda.max_memory_allocated(device) / 2**30, 3) if cuda else None,
        "estimate": {
            "of": f"{args.steps} steps at a global batch of {args.global_batch}, on one device of this kind, no data loading",
            "device_days": round(args.steps * settings.d_steps * args.global_batch / clips / 86400, 2),
        },
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
