"""The published name of `vidbench.samples.export`."""

from __future__ import annotations

from vidbench.samples.export import Export, ExportManifest, open_export

__all__ = ["Export", "ExportManifest", "open_export"]
