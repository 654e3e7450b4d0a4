"""The measuring instruments of video generation: clips in, numbers out.

    vidmetrics.fvd(real, generated)                   one number; every metric id has such a function
    vidmetrics.measure("fvd", real, generated)        the same with its 95 % confidence interval
    fvd = vidmetrics.metric("fvd", device="cuda")     an object for a training loop, on any number of ranks:
    fvd.update(batch, real=True)                      fvd.merge(other), fvd.reset(keep_real=True), fvd.state_dict(),
    fvd.compute()                                     fvd.statistics().save(FILE), vidmetrics.Statistics.load(FILE)
    vidmetrics.metric(["fvd", "kvd", "is-i3d-k600"])  several that share each pass of a network

Clips are uint8 RGB ``[N, T, H, W, 3]``, numpy or torch; ``layout`` and ``value_range`` say what else they are. Folders of videos are for
`vidbench.measure`. `METRICS` has the ids; the other names are in ``dir(vidmetrics)`` and docs/api.md.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

from vidmetrics.catalog.definitions import function_ids

_getattr, _, _listed = lazy_loader.attach_stub(__name__, __file__)

_PUBLIC = sorted([*_listed, *function_ids()])
__all__ = ["measure", "metric"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _listed:
        return _getattr(name)
    from vidmetrics import one_call

    return getattr(one_call, name)


def __dir__() -> list[str]:
    return list(_PUBLIC)
