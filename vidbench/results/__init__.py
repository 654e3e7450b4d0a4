"""Result records: their schema, and the comparison of two of them."""

from __future__ import annotations

from vidbench.results.schema import SCHEMA_VERSION, Result, json_schema, read_result

__all__ = ["SCHEMA_VERSION", "Result", "json_schema", "read_result"]
