"""How a setting is declared: a type, a default, and the facts that every other module reads from there."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from vidbench.models import InputError

AUTO = 0
"""`auto` before `dvdgan.config.resolve_auto` has replaced it."""

IN_EVERY_FILE = object()
"""`Facts.absent` of a setting that every file has: one without it is refused."""

Decides = Literal["generator", "tower", "discriminators", "updates", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known about a setting besides its type and its default.

    Attributes:
        why: what it does, and why the default is what it is.
        decides: what depends on it. ``generator``, ``tower`` (the part of a predicting generator that sees the context
            frames) and ``discriminators``: the function that their weights define, so weights trained with another value
            cannot be loaded. ``updates``: the weights in any other way, so a resumed run must keep it. ``nothing``: no
            weight, so a resumed run may change it.
        absent: the value that files older than the setting were trained with.
        former: current values by the spelling that older files use for them.
        auto: the values that ``auto`` stands for, by device type; None where ``auto`` is not a value.
        paper: the value in every preset of the paper's scale; None where the default holds there too.
    """

    why: str
    decides: tuple[Decides, ...]
    absent: Any = IN_EVERY_FILE
    former: Mapping[Any, Any] = dataclasses.field(default_factory=dict)
    auto: Mapping[str, Any] | None = None
    paper: Any = None


def setting(default: Any, why: str, decides: Decides | tuple[Decides, ...] = "updates", **facts: Any) -> Any:
    """Field of a dataclass with its `Facts`."""
    parts = (decides,) if isinstance(decides, str) else decides
    return dataclasses.field(default=default, metadata={"facts": Facts(why=why, decides=parts, **facts)})


def facts_of(settings: type) -> dict[str, Facts]:
    """Facts of all settings of a dataclass by name, in the order of their declaration."""
    return {item.name: item.metadata["facts"] for item in dataclasses.fields(settings)}


def _split(value: Any) -> Any:
    return tuple(part for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """Refuse text such as 16.0, which pydantic takes for a whole number."""
    if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]+", value.strip()):
        raise PydanticCustomError("int_parsing", "not a whole number")
    return value


def _true_or_false(value: Any) -> Any:
    """Refuse text such as yes, on or 1, which pydantic takes for true."""
    if isinstance(value, str) and value.strip().lower() not in ("true", "false"):
        raise PydanticCustomError("bool_parsing", "neither true nor false")
    return value


Flag = Annotated[bool, BeforeValidator(_true_or_false)]
# A run of a thousand million steps takes decades; sizes of networks and batches beyond 65,536 need terabytes; more threads
# than 256 only wait for each other. What still needs more memory than the machine has is refused with the figure.
Count = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=10**9)]
Size = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=65_536)]
BatchSize = Annotated[int, BeforeValidator(_whole), Field(ge=2, le=65_536)]
Threads = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=256)]
Step = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=10**9)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.001, le=1000, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Sizes = Annotated[tuple[Size, ...], Field(min_length=1, max_length=32), BeforeValidator(_split)]


@cache
def types_of(settings: type) -> dict[str, Any]:
    """Types of all settings of a dataclass by name, with their constraints."""
    return get_type_hints(settings, include_extras=True)


@cache
def _adapter(settings: type, name: str) -> TypeAdapter[Any]:
    return TypeAdapter(types_of(settings)[name])


def check_value(settings: type, name: str, value: Any) -> None:
    """Refuse a value that a setting cannot have.

    Raises:
        InputError: another type, out of range, or not among its choices.
    """
    if type(value) is int and value == AUTO and facts_of(settings)[name].auto is not None:
        return
    try:
        _adapter(settings, name).validate_python(value, strict=True)
    except ValidationError as error:
        raise InputError(_sentence(settings, name, value, error)) from None


def value_from_text(settings: type, name: str, text: str) -> Any:
    """Value of a setting from its text.

    Raises:
        InputError: the text does not say a value that the setting can have.
    """
    text, kind = text.strip(), types_of(settings)[name]
    if text == "auto" and facts_of(settings)[name].auto is not None:
        return AUTO
    given = None if text.lower() == "none" and type(None) in get_args(kind) else text
    try:
        return _adapter(settings, name).validate_python(given)
    except ValidationError as error:
        raise InputError(_sentence(settings, name, text, error)) from None


def value_as_text(value: Any) -> str:
    """Text from which `value_from_text` makes this value."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


_COUNTS = "whole numbers separated by commas"
_WANTED = {"int": "a whole number", "bool": "true or false", "float": "a number"}
"""What to give instead, by the first word of pydantic's error type."""


def _least(kind: Any) -> float:
    """Least number that a type allows."""
    limits = [-math.inf]
    for part in get_args(kind):
        limits += [constraint.ge for constraint in getattr(part, "metadata", ()) if hasattr(constraint, "ge")]
        limits.append(_least(part))
    return max(limits)


def _sentence(settings: type, name: str, value: Any, error: ValidationError) -> str:
    """What is wrong with a value, and what to give instead."""
    first, kind, text = error.errors()[0], types_of(settings)[name], value_as_text(value)
    text = text if len(text) <= 100 else f"{text[:100]}…"
    what, limits = first["type"], first.get("ctx", {})
    shown = f"'{text}'"
    if get_origin(kind) is Literal:
        wanted = f"choose one of {', '.join(get_args(kind))}"
    elif what == "greater_than_equal":
        shown, wanted = text, f"give a number of at least {limits['ge']:g}"
    elif what == "less_than_equal":
        shown, wanted = text, f"give a number of at most {limits['le']:,.0f}"
    elif what == "finite_number":
        wanted = f"give a finite number of at least {_least(kind):g}"
    elif what == "less_than":
        shown, wanted = text, f"give a number below {limits['lt']:g}"
    elif what == "too_long":
        wanted = f"give at most {limits['max_length']} {_COUNTS}"
    elif what == "too_short":
        shown, wanted = "empty", f"give {_COUNTS}"
    else:
        wanted = f"give {_COUNTS if first['loc'] else _WANTED.get(what.split('_')[0], 'another value')}"
    auto = ", or auto" if facts_of(settings)[name].auto is not None else ""
    return f"Setting '{name}' is {shown}; {wanted}{auto}."
