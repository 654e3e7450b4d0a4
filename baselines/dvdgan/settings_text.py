"""Settings from outside: the text of a command, a file, or the run that is resumed.

    python -m dvdgan.settings_text

lists every setting with its default and its reason.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from dvdgan.config import Settings, settings_that_decide
from dvdgan.presets import preset_values
from dvdgan.setting import AUTO, IN_EVERY_FILE, facts_of, value_as_text, value_from_text
from vidbench.models import InputError


def _check_name(name: str) -> None:
    known = facts_of(Settings)
    if name not in known:
        close = difflib.get_close_matches(name, [*known, "preset"], n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known are preset, {', '.join(known)}."
        raise InputError(f"The model 'dvdgan' has no setting '{name[:100]}'; {hint}")


def settings_from_text(given: Mapping[str, str], base: Settings | None = None) -> Settings:
    """Settings from ``key=value`` text.

    Args:
        given: text by setting; settings left out keep the value of `base`. ``preset`` stands for all settings of a
            preset (see `dvdgan.presets`), which the other settings override.
        base: settings to start from, the defaults where None.

    Raises:
        InputError: an unknown name (the nearest known one is suggested), an invalid value, or an architecture other
            than that of `base`.
    """
    base = base or Settings()
    values: dict[str, Any] = {}
    if "preset" in given:
        values = preset_values(given["preset"].strip(), base.architecture)
    for name, text in given.items():
        if name != "preset":
            _check_name(name)
            values[name] = value_from_text(Settings, name, text)
    settings = dataclasses.replace(base, **values)
    if settings.architecture != base.architecture:
        raise InputError(
            f"Setting 'architecture' is '{settings.architecture}' but this model has '{base.architecture}'; leave it "
            "out and choose the model, dvdgan-v1 for v1."
        )
    return settings


def settings_from_values(values: Mapping[str, Any], where: str) -> Settings:
    """Settings from what `Settings.to_values` returned; `where` names the file in messages.

    Raises:
        InputError: settings of another version of this model.
    """
    facts = facts_of(Settings)
    missing = [name for name in facts if name not in values]
    # A setting that decides no weight may be newer than the file, and so may one whose value in older files is known.
    absent = {name: facts[name].absent for name in missing if facts[name].absent is not IN_EVERY_FILE}
    needed = set(missing) - set(absent) - set(settings_that_decide("nothing"))
    if odd := sorted(needed | (set(values) - set(facts))):
        raise InputError(f"{where} was written by another version of dvdgan (setting '{odd[0]}'); train it again.")
    kept = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        kept = {name: facts[name].former.get(value, value) for name, value in kept.items()}
        return Settings(**(absent | kept))
    except TypeError:  # an unhashable value: a table, or a list of lists
        raise InputError(f"{where} has a setting that is neither a number nor a text; train it again.") from None
    except InputError as error:
        reason = str(error).removesuffix(".")
        raise InputError(
            f"{where} was written by another version of dvdgan ({reason[0].lower()}{reason[1:]}); train it again."
        ) from None


def resume_settings(given: Mapping[str, str], stored: Settings, base: Settings | None = None) -> Settings:
    """Settings of a resumed run: those that decide weights as stored, the others as given now, or as in `base`.

    Raises:
        InputError: a given setting would change the weights; names it.
    """
    base = base or Settings()
    if stored.architecture != base.architecture:
        raise InputError(
            f"This run was started with the architecture {stored.architecture} and this model has "
            f"{base.architecture}; resume it with the model that started it, or choose another output folder."
        )
    free = settings_that_decide("nothing")
    # The value that auto stood for when the run started holds on any device.
    automatic = {name for name, facts in facts_of(Settings).items() if facts.auto is not None}
    given = {name: text for name, text in given.items() if name not in automatic or text.strip() != "auto"}
    wanted = settings_from_text(given, dataclasses.replace(stored, **{name: getattr(base, name) for name in free}))
    for name in facts_of(Settings):
        old, new = getattr(stored, name), getattr(wanted, name)
        if old != new and name not in free:
            raise InputError(
                f"This run was started with {name}={value_as_text(old)} and cannot be resumed with "
                f"{name}={value_as_text(new)}; leave the setting out, or choose another output folder."
            )
    return wanted


def describe_settings() -> str:
    """One line per setting: name, default and reason."""
    lines = []
    for name, facts in facts_of(Settings).items():
        default = getattr(Settings, name)
        shown = "auto" if facts.auto is not None and default == AUTO else value_as_text(default)
        lines.append(f"{name}={shown}: {facts.why}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(describe_settings())  # noqa: T201
