"""Bad input raises `InputError` everywhere; see `vidmetrics.errors`."""

from __future__ import annotations

from vidmetrics.errors import InputError

__all__ = ["InputError"]
