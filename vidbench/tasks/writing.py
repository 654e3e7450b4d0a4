"""A task as the text of a task file."""

from __future__ import annotations

import json
from typing import Any

from vidbench.tasks.schema import Task


def task_toml(task: Task) -> str:
    """Return the TOML text of a task; `vidbench.tasks.load_task` reads the same task from it."""
    return _section(task.model_dump(mode="json", exclude_defaults=True), "") + "\n"


def _section(fields: dict[str, Any], prefix: str) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in fields.items() if not _is_table(value)]
    for key, value in fields.items():
        if isinstance(value, dict):
            lines += ["", f"[{prefix}{key}]", _section(value, f"{prefix}{key}.")]
        elif _is_table(value):
            for item in value:
                lines += ["", f"[[{prefix}{key}]]", _section(item, f"{prefix}{key}.")]
    return "\n".join(lines)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A basic string of TOML has the escapes of JSON, except that DEL must be escaped.
    return json.dumps(value).replace("\x7f", "\\u007f")
