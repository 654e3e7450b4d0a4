"""The truncation of sums in matrix units, and how ``exact`` compensates for it.

A Hopper GPU multiplies fp16 numbers exactly and adds 16 products at a time to a float32 sum, which it truncates towards zero
instead of rounding to nearest. (Fasi, Higham, Mikaitis and Pranesh, "Numerical behavior of NVIDIA tensor cores", PeerJ
Computer Science 7:e330, 2021, found this on earlier GPUs.) Rounding errors cancel; truncation always reduces the magnitude. With sums of up to 15,552 products
(three per pair of numbers) the I3D's logits were 5.7e-5 too small on an H200, nearly all by the same factor.

Therefore ``exact`` accumulates only one step of a sum in the unit, 32 or 64 products, and adds the steps with ordinary additions.
The remaining error was 1.1e-6 in the logits and 2.05e-6 in FVD, close to the expected loss of the few truncations per layer: half a
unit in the last place each, which for log-uniform significands is a fraction ``2^-24 / (2 ln 2)`` of sums that grow with the root of
their length. A fraction `MEASURED` of that loss is added back to every result. The remaining errors are those of rounding and
cancel: FVD is within 2.7e-7, plain float32 within 5.1e-7 (benchmarks/notes.md).
"""

from __future__ import annotations

import math

PRODUCTS = 16
"""Products per truncation."""


MEASURED = 0.71
"""Fraction of the expected loss on an H200: 0.5 makes every FVD of benchmarks/notes.md too small, 0.9 every one too large."""


def mean_loss(depth: int) -> float:
    """Return the mean fraction of a sum of ``depth`` products that is lost to truncation."""
    steps = depth // PRODUCTS
    one = MEASURED * 2.0**-24 / (2 * math.log(2))
    return one * sum(math.sqrt((i + 1) / steps) for i in range(steps))
