"""Time every tile for every convolution of the fast I3D: ``python benchmarks/i3d_gpu_tiles.py [--json FILE]``.

Prints, for each convolution at batch 64 and each precision, the quickest tiles with their TFLOP/s of useful products; the winners are
what `vidmetrics.networks.fast.tiles` holds.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import triton
from dated_results import add_record_option, record

from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.fast.fast_i3d import FastI3D
from vidmetrics.networks.fast.packing import Packed
from vidmetrics.networks.fast.tiles import Tile
from vidmetrics.networks.fast.triton_operators import TritonOperators
from vidmetrics.networks.i3d import I3D

CUBES = {
    1: [
        *(Tile(256, 128, 64, depth=32, stages=s) for s in (3, 4, 5, 6)),
        Tile(256, 128, 64, stages=3),
        *(Tile(256, 128, stages=s) for s in (3, 4)),
        *(Tile(128, 128, warps=4, stages=s) for s in (2, 3)),
        *(Tile(128, 128, depth=32, warps=4, stages=s) for s in (3, 4, 5, 6)),
        *(Tile(128, 64, warps=4, stages=s) for s in (3, 4)),
        *(Tile(128, 64, depth=32, warps=4, stages=s) for s in (4, 6)),
        *(Tile(128, 64, 32, depth=32, warps=4, stages=s) for s in (4, 6)),
        Tile(128, 32, warps=4, stages=4),
        Tile(128, 32, depth=32, warps=4, stages=6),
    ],
    2: [
        *(Tile(128, 64, warps=4, stages=s) for s in (2, 3)),
        *(Tile(128, 64, depth=32, warps=4, stages=s) for s in (2, 3, 4)),
        *(Tile(128, 128, depth=d, warps=8, stages=s) for d, s in ((64, 2), (64, 3), (32, 3), (32, 4))),
        *(Tile(256, 64, depth=d, warps=8, stages=s) for d, s in ((64, 2), (32, 3))),
        *(Tile(128, 64, 32, depth=d, warps=4, stages=s) for d, s in ((64, 2), (32, 3))),
        Tile(64, 128, warps=4, stages=2),
        Tile(256, 128, depth=32, warps=8, stages=3),
        *(Tile(128, 32, depth=d, warps=4, stages=s) for d, s in ((64, 3), (32, 4))),
    ],
}
POINTS = {
    1: [
        *(Tile(256, 128, stages=s) for s in (3, 4)),
        *(Tile(128, 128, warps=4, stages=s) for s in (2, 3)),
        *(Tile(128, 64, warps=4, stages=s) for s in (2, 3)),
        Tile(128, 64, 32, depth=32, warps=4, stages=4),
        Tile(256, 128, 64, depth=32, stages=4),
        Tile(128, 32, warps=4, stages=3),
    ],
    2: CUBES[2],
}
FIRST = [
    *(Tile(128, 64, warps=4, stages=s, vector=v) for s in (2, 3) for v in (8, 4)),
    *(Tile(256, 64, warps=8, stages=s) for s in (2, 3, 4)),
    Tile(128, 64, warps=4, stages=4),
    Tile(64, 64, warps=4, stages=3),
]
SECOND = [Tile(128, 64, warps=4), *(Tile(rows, 64, warps=w) for rows in (32, 64) for w in (2, 4))]
POOLS = [
    Tile(rows, wide, warps=w)
    for rows, wide, w in ((32, 64, 4), (16, 64, 4), (8, 64, 2), (16, 64, 2), (8, 64, 4), (8, 128, 4), (16, 128, 4))
]


class Recorder(TritonOperators):
    """Keeps the arguments of each convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self.others: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def convolve(
        self, x: torch.Tensor, packed: Packed, out: torch.Tensor, rest: torch.Tensor | None, overflow: torch.Tensor
    ) -> None:
        """Run and keep."""
        key = (packed.taps, packed.columns, packed.channels, len(x))
        self.calls.setdefault(key, (x, packed, out, rest, overflow))
        super().convolve(x, packed, out, rest, overflow)

    def first_layer(self, *arguments: Any) -> torch.Tensor:
        """Run and keep."""
        name = f"first layer {tuple(arguments[0].shape)}"
        self.others.setdefault(name, ("first_layer", arguments))
        return super().first_layer(*arguments)

    def pooled_product(self, *arguments: Any) -> torch.Tensor:
        """Run and keep."""
        self.others.setdefault(f"second layer {len(arguments[0])}", ("pooled_product", arguments))
        return super().pooled_product(*arguments)

    def max_pool(self, x: torch.Tensor, window: Any, out: torch.Tensor | None = None) -> torch.Tensor:
        """Run and keep."""
        self.others.setdefault(f"pool {tuple(x.shape)} {window}", ("max_pool", (x, window, out)))
        return super().max_pool(x, window, out)


OTHERS = {"first_layer": ("first", FIRST), "pooled_product": ("second", SECOND), "max_pool": ("pool", POOLS)}


def milliseconds(work: Any, repeats: int = 5, inside: int = 4) -> float:
    """Return the median time of some work on the GPU, from a recorded graph, so that launches cost nothing."""
    work()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(inside):
            work()
    graph.replay()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    for before, after in events:
        before.record()
        graph.replay()
        after.record()
    torch.cuda.synchronize()
    return statistics.median(before.elapsed_time(after) for before, after in events) / inside


def fits(tile: Tile, columns: int, depth: int) -> bool:
    """Return whether a tile is worth a try: no more than a third of its columns may be padding."""
    width = tile.wide + tile.narrow
    computed = -(-columns // width) * width
    return computed <= 1.34 * max(columns, 32) and (depth == 64 or tile.depth == 32)


def tune(planes: Any, sizes: list[int], convolutions: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the times of every tile, quickest first, by convolution."""
    device = torch.device("cuda")
    plain = I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False)
    operators = Recorder()
    network = FastI3D(plain, operators, planes, device)
    overflow = torch.zeros(1, dtype=torch.int32, device=device)
    for size in sizes:
        clips = torch.randint(0, 256, (16, 16, size, size, 3), dtype=torch.uint8, device=device)
        middle = network.middle(64, 16)
        memory = network.entrance(16, size, size).pixels.zeros(16, device)
        network.start(clips, memory, middle[:, :16], overflow)
    for i in range(1, 4):
        middle[:, 16 * i : 16 * i + 16] = middle[:, :16]
    network.finish(middle, overflow)
    found: dict[str, list[dict[str, Any]]] = {}
    jobs = []
    for key, call in operators.calls.items() if convolutions else ():
        taps, columns, _, _ = key
        depth = call[1].block
        jobs += [(key, call, tile) for tile in (CUBES if taps == 27 else POINTS)[planes] if fits(tile, columns, depth)]
    with operators.compiling():
        for key, call, tile in jobs:
            operators.tiles[key] = tile
            TritonOperators.convolve(operators, *call)
        for method, arguments in operators.others.values():
            key, tiles = OTHERS[method]
            for tile in tiles:
                operators.tiles[key] = tile
                getattr(TritonOperators, method)(operators, *arguments)
    for key, call, tile in jobs:
        operators.tiles[key] = tile
        try:
            time = milliseconds(lambda c=call: TritonOperators.convolve(operators, *c))
        except triton.runtime.errors.OutOfResources:
            continue
        taps, columns, channels, _ = key
        # In `exact` the three products of planes count as three.
        products = 2 * call[0][0, ..., 0].numel() * taps * channels * columns * (3 if planes == 2 else 1)
        entry = {"ms": time, "tflops": products / time / 1e9, **asdict(tile)}
        found.setdefault(f"{taps}x{channels}->{columns}/{planes}", []).append(entry)
    for name, (method, arguments) in operators.others.items():
        key, tiles = OTHERS[method]
        for tile in tiles:
            operators.tiles[key] = tile
            try:
                time = milliseconds(lambda m=method, a=arguments: getattr(TritonOperators, m)(operators, *a))
            except triton.runtime.errors.OutOfResources:
                continue
            found.setdefault(f"{name}/{planes}", []).append({"ms": time, "tflops": 0.0, **asdict(tile)})
    for rows in found.values():
        rows.sort(key=lambda row: row["ms"])
    return found


def main() -> None:
    """Tune both precisions and print the three best of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    add_record_option(parser)
    parser.add_argument("--planes", type=int, nargs="+", default=[1, 2], help="1 for fast, 2 for exact")
    parser.add_argument(
        "--other-layers", action="store_true", help="no convolutions, only pools and the first two layers"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224])
    arguments = parser.parse_args()
    everything = {}
    for planes in arguments.planes:
        found = tune(planes, arguments.sizes, not arguments.other_layers)
        everything.update(found)
        for name, rows in found.items():
            best = "  ".join(
                f"{r['ms']:.3f} ms {r['tflops']:.0f} ({r['rows']},{r['wide']},{r['narrow']},{r['depth']},w{r['warps']},s{r['stages']},v{r['vector']})"
                for r in rows[:3]
            )
            print(f"{name:28} {best}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    if arguments.record:
        best = [{"layer": name, **rows[0]} for name, rows in everything.items()]
        record(arguments.record, best, torch.cuda.get_device_name(), "the quickest tile of each layer")


if __name__ == "__main__":
    main()
