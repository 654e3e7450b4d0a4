"""Settings from what others wrote: the text of a command, a file, or a training that is gone on with."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from dvdgan.config import AUTO, NEVER_ABSENT, Settings
from dvdgan.presets import preset_values
from vidbench.models import InputError

_PHI_BY_SIDE = {1: "identity", 2: "2x2", 4: "4x4"}
"""`phi` was the side of the pooling in the first files."""


def _field(name: str) -> dataclasses.Field[Any]:
    known = {item.name: item for item in dataclasses.fields(Settings)}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, [*known, "preset"], n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known are preset, {', '.join(known)}."
    raise InputError(f"The model 'dvdgan' has no setting '{name}'; {hint}")


def _parse(name: str, text: str) -> Any:
    """The value of one setting from its text."""
    kind = str(_field(name).type)
    text = text.strip()
    if name == "batch_size" and text in ("auto", str(AUTO)):
        if text == "auto":
            return AUTO
        raise InputError("Setting 'batch_size' is 0; give a number of at least 2, or auto.")
    try:
        if kind.startswith("tuple"):
            return tuple(int(part) for part in text.split(",") if part.strip())
        if kind.endswith("| None") and text.lower() == "none":
            return None
        kind = kind.removesuffix(" | None")
        if kind == "int":
            return int(text)
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        return text if kind == "str" else float(text)
    except (ValueError, KeyError):
        wanted = {
            "int": "a whole number",
            "bool": "true or false",
            "tuple[int, ...]": "whole numbers separated by commas",
        }.get(kind, "a number")
        raise InputError(f"Setting '{name}' is '{text}'; give {wanted}.") from None


def parse_settings(given: Mapping[str, str], base: Settings | None = None) -> Settings:
    """Settings from ``key=value`` text.

    Args:
        given: text per setting name; names left out keep the value of `base`. The name ``preset`` stands for all
            the settings of a preset (see `dvdgan.presets`), to which the other names are exceptions.
        base: settings to start from, the defaults where None.

    Raises:
        InputError: an unknown name (the nearest known one is suggested), a value that cannot be used, or an
            architecture other than that of `base`.
    """
    base = base or Settings()
    values: dict[str, Any] = {}
    if "preset" in given:
        values = preset_values(given["preset"].strip(), base.architecture)
    values |= {name: _parse(name, text) for name, text in given.items() if name != "preset"}
    settings = dataclasses.replace(base, **values)
    if settings.architecture != base.architecture:
        raise InputError(
            f"Setting 'architecture' is '{settings.architecture}' but this model has '{base.architecture}'; leave it "
            "out and choose the model, dvdgan-v1 for v1."
        )
    return settings


def as_text(value: Any) -> str:
    """The value of a setting as `parse_settings` takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def settings_from_values(values: Mapping[str, Any], where: str) -> Settings:
    """Settings from what `Settings.to_values` gave; `where` names the file for the message.

    Raises:
        InputError: settings of another version of this model.
    """
    fields = {item.name: item for item in dataclasses.fields(Settings)}
    # A setting that decides no weight may be newer than the file, and so may one that says what older files had; any
    # other difference means another network.
    absent = {n: f.metadata["absent"] for n, f in fields.items() if f.metadata["absent"] is not NEVER_ABSENT}
    needed = {name for name, item in fields.items() if not item.metadata["free"] and name not in absent}
    odd = sorted((needed - set(values)) | (set(values) - set(fields)))
    if odd:
        raise InputError(f"{where} was written by another version of dvdgan (setting '{odd[0]}'); train it again.")
    kept: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    kept["phi"] = _PHI_BY_SIDE.get(kept["phi"], kept["phi"])
    try:
        return Settings(**(absent | kept))
    except InputError as error:
        reason = str(error).removesuffix(".")
        raise InputError(
            f"{where} was written by another version of dvdgan ({reason[0].lower()}{reason[1:]}); train it again."
        ) from None


def resume_settings(given: Mapping[str, str], stored: Settings, base: Settings | None = None) -> Settings:
    """Settings to go on with: those that decide weights as stored, the others as given now, or as in `base`.

    Raises:
        InputError: a given setting would change the training; names it.
    """
    base = base or Settings()
    if stored.architecture != base.architecture:
        raise InputError(
            f"This training was begun with the architecture {stored.architecture} and this model has "
            f"{base.architecture}; go on with the model that began it, or choose another output folder."
        )
    free: dict[str, Any] = {
        item.name: getattr(base, item.name) for item in dataclasses.fields(Settings) if item.metadata["free"]
    }
    # The batch that auto stood for at the start holds on any device.
    given = {name: text for name, text in given.items() if (name, text.strip()) != ("batch_size", "auto")}
    wanted = parse_settings(given, dataclasses.replace(stored, **free))
    for item in dataclasses.fields(Settings):
        old, new = getattr(stored, item.name), getattr(wanted, item.name)
        if old != new and not item.metadata["free"]:
            raise InputError(
                f"This training was begun with {item.name}={old} and cannot go on with {item.name}={new}; "
                "leave the setting out, or choose another output folder."
            )
    return wanted


def describe() -> str:
    """One line per setting: name, default and reason."""
    return "\n".join(
        f"{item.name}={'auto' if item.name == 'batch_size' else item.default}: {item.metadata['why']}"
        for item in dataclasses.fields(Settings)
    )
