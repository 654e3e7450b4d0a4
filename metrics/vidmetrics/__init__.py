"""The measuring instruments of video generation: arrays in, numbers out.

`import vidmetrics` is light: torch and scipy are imported when a function needs them. Clips are uint8 RGB
``[N, T, H, W, 3]`` everywhere.

The public names and where they are defined: ``__init__.pyi``. Each metric id also has a function, derived from the
catalog: `vidmetrics.fvd`, `vidmetrics.is_`, `vidmetrics.fvd_styleganv`.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

from vidmetrics.catalog.definitions import function_ids

_getattr, _, _listed = lazy_loader.attach_stub(__name__, __file__)

__all__ = sorted([*_listed, *function_ids()])


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _listed:
        return _getattr(name)
    from vidmetrics import one_call

    return getattr(one_call, name)


def __dir__() -> list[str]:
    return list(__all__)
