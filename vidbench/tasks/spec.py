"""The base of every section of a task file: frozen, strict, and with an identity that later fields do not change."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A section of a task file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    # Fields with a default in the first version of the schema: they always enter the fingerprint. Fields added later
    # enter it only if they differ from their default, so that a new field does not change the fingerprints of tasks that
    # do not use it.
    _always_hashed: ClassVar[frozenset[str]] = frozenset()

    def identity(self, exclude: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the fields that determine a score as JSON values, independent of later additions to the schema.

        Args:
            exclude: names of fields of this model to omit.
        """
        fields: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            always = field.is_required() or name in self._always_hashed
            if name in exclude or not (always or value != field.get_default(call_default_factory=True)):
                continue
            if isinstance(value, Spec):
                fields[name] = value.identity()
            else:
                fields[name] = list(value) if isinstance(value, tuple) else value
        return fields
