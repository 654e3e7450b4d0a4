"""Public alias of `vidbench.samples.export_folder`."""

from __future__ import annotations

from vidbench.samples.export_folder import Export, ExportManifest, open_export

__all__ = ["Export", "ExportManifest", "open_export"]
