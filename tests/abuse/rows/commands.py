"""Every option of every command: wrong types and ranges, missing values, unknown names, options that exclude each other.

The commands are otherwise complete, so that nothing but the option can be refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.abuse.case import Case
from tests.abuse.rows._inputs import clips, result, typed

_EVALUATE = "evaluate --model noise --task shapes-gen --output out"
_SCORE = "score --samples clips.npy --task shapes-gen --output out"
_MEASURE = "measure clips.npy clips.npy --metric fvd-shapes --num-frames 12"
_SAMPLE = "sample --model noise --task shapes-gen --output out"
_TRAIN = "train --model dvdgan --task shapes-gen --output out --steps 1"
_SCAN = "data scan . --output out"
_EXPORT = "data export --task shapes-pred --output out"
_STATISTICS = "data statistics --task shapes-gen --output out/s.safetensors"
_SHOW = "leaderboard show shapes-gen"
_EXPORT_RESULT = "export-result result.json --format hf-eval-results"
_ADD = "leaderboard add result.json --leaderboards boards --training train --extra-data none"

_NOT_WHOLE = ("x", "1.5", "-1", "1e3", "nan", "")
# Command, option, values that are refused.
_NUMBERS = (
    *((command, "--batch-size", (*_NOT_WHOLE, "0")) for command in (_EVALUATE, _SCORE, _MEASURE, _SAMPLE, _STATISTICS)),
    *((command, "--num-samples", (*_NOT_WHOLE, "0")) for command in (_EVALUATE, _SCORE, _SAMPLE, _EXPORT)),
    *((command, "--seed", _NOT_WHOLE) for command in (_EVALUATE, _SAMPLE, _TRAIN)),
    (_EVALUATE, "--num-samples", ("1",)),
    (_EVALUATE, "--seed", ("9223372036854775808", "18446744073709551616")),
    (_MEASURE, "--num-frames", (*_NOT_WHOLE, "0")),
    (_MEASURE, "--stride", (*_NOT_WHOLE, "0")),
    (_MEASURE, "--resolution", (*_NOT_WHOLE, "0")),
    (_TRAIN, "--steps", (*_NOT_WHOLE, "0")),
    (_TRAIN, "--metrics-every", (*_NOT_WHOLE, "0")),
    (f"{_TRAIN} --metrics-every 1", "--metric-samples", (*_NOT_WHOLE, "0", "1")),
    (_SCAN, "--workers", (*_NOT_WHOLE, "0")),
)
_CHOICES = (
    *((command, "--precision", ("float16", "EXACT", "")) for command in (_EVALUATE, _SCORE, _MEASURE, _STATISTICS)),
    *((command, "--device", ("tpu", "cuda:x", "cuda:-1", "cuda:99", "")) for command in (
        _EVALUATE, _SCORE, _MEASURE, _SAMPLE, _TRAIN, _STATISTICS,
    )),
    (_SAMPLE, "--format", ("avi", "NPY", "")),
    (_EXPORT, "--format", ("mp4", "")),
    (_SHOW, "--format", ("html", "")),
    (_ADD, "--training", ("test", "")),
    (_ADD, "--extra-data", ("all", "")),
)  # fmt: skip
_TAKES_VALUE = (
    *((_EVALUATE, option) for option in (
        "--model", "--task", "--data", "--reference", "--output", "--num-samples", "--batch-size", "--device",
        "--precision", "--seed",
    )),
    *((_SCORE, option) for option in ("--samples", "--task", "--data", "--reference", "--output", "--num-samples")),
    *((_MEASURE, option) for option in ("--metric", "--num-frames", "--stride", "--resolution", "--weights")),
    *((_SAMPLE, option) for option in ("--model", "--task", "--data", "--num-samples", "--output", "--format", "--seed")),
    *((_TRAIN, option) for option in (
        "--model", "--task", "--data", "--output", "--steps", "--set", "--metrics-every", "--metric", "--metric-samples", "--log",
    )),
    *((_SCAN, option) for option in ("--task", "--split", "--workers", "--output")),
    *((_EXPORT, option) for option in ("--task", "--data", "--output", "--num-samples", "--format")),
    *((_STATISTICS, option) for option in ("--task", "--data", "--output", "--batch-size")),
    *((_SHOW, option) for option in ("--format", "--group", "--leaderboards")),
    *((_ADD, option) for option in ("--name", "--training", "--extra-data", "--paper", "--arxiv", "--note", "--training-log")),
    *((_EXPORT_RESULT, option) for option in ("--format", "--dataset", "--source-url", "--model-id", "--organization", "--output")),
    ("weights fetch i3d-kinetics-400", "--via"),
    ("weights import clips.npy", "--network"),
    ("conformance", "--implementation"),
    ("conformance", "--vectors"),
    ("leaderboard build", "--output"),
)  # fmt: skip
_COMMANDS = (
    _EVALUATE, _SCORE, _MEASURE, _SAMPLE, _TRAIN, _SCAN, _EXPORT, _STATISTICS, _SHOW, _ADD, "leaderboard check",
    "leaderboard build --output out", "weights list", "weights fetch i3d-kinetics-400", "weights import clips.npy", "weights verify",
    "weights where", "tasks list", "tasks show shapes-gen", "models list", "conformance", "compare clips.npy clips.npy",
    "doctor",
)  # fmt: skip
# Complete lines, and what the message must contain.
_LINES = (
    # Missing or unknown commands.
    ("evalute", "did you mean 'evaluate'?"),
    ("leaderboards", "did you mean 'leaderboard'?"),
    ("data scna .", "scna"),
    ("data exprot", "exprot"),
    ("weights fetsh i3d", "fetsh"),
    ("weights delete", "delete"),
    ("tasks shwo", "shwo"),
    ("models shwo", "shwo"),
    ("models show nosie", "did you mean 'noise'?"),
    ("metrics lits", "lits"),
    ("metrics show FVD", "did you mean 'fvd'?"),
    ("leaderboard remove", "remove"),
    ("--task shapes-gen", "--task"),
    ("evaluate --model noise: --task shapes-gen", "ends in a colon"),
    # Missing arguments.
    ("evaluate --task shapes-gen", "--model"),
    ("evaluate --model noise", "--task"),
    ("score --task shapes-gen", "--samples"),
    ("score --samples clips.npy", "--task"),
    ("measure --metric fvd-shapes", "REAL"),
    ("measure clips.npy --metric fvd-shapes", "SAMPLES"),
    ("measure clips.npy clips.npy", "--metric"),
    ("sample --task shapes-gen --output out", "--model"),
    ("sample --model noise --output out", "--task"),
    ("sample --model noise --task shapes-gen", "--output"),
    ("train --task shapes-gen --output out", "--model"),
    ("train --model dvdgan --output out", "--task"),
    ("data scan", "DIR"),
    ("data freeze . --year 2026 --output out/l.json", "--task"),
    ("data freeze . --task bair-pred --output out/l.json", "--year"),
    ("data freeze . --task bair-pred --year 26 --output out/l.json", "--year"),
    ("data freeze . --task bair-pred --year 2026", "--output"),
    ("data freeze . --task shapes-gen --year 2026 --output out/l.json", "embedded"),
    ("data freeze nowhere --task bair-pred --year 2026 --output out/l.json", "nowhere"),
    ("tasks show k600-gen@2026", "No list of 2026 ships for 'k600-gen'"),
    ("tasks show k600-gen@nowhere.json", "nowhere.json"),
    ("tasks show k600-gen@26", "k600-gen@26"),
    ("data export --output out", "--task"),
    ("data export --task shapes-pred", "--output"),
    ("data statistics --output out/s.safetensors", "--task"),
    ("data statistics --task shapes-gen", "--output"),
    ("tasks show", "TASK"),
    ("tasks diff shapes-gen", "B"),
    ("tasks diff shapes-gen shapes-gan", "did you mean 'shapes-gen'?"),
    ("tasks diff shapes-gen nowhere.toml", "nowhere.toml"),
    ("tasks which --frames many", "'many' is not a number of frames"),
    ("tasks which --dataset shape", "did you mean 'shapes'?"),
    ("compare", "A"),
    ("compare result.json", "B"),
    ("reproduce", "RESULT"),
    ("nearest --task shapes-gen", "--samples"),
    ("leaderboard show", "TASK"),
    ("leaderboard add", "RESULT"),
    ("export-result --format every-eval-ever", "RESULT"),
    ("export-result result.json", "--format"),
    ("tasks export shapes-gen", "--format"),
    ("leaderboard build", "--output"),
    ("weights fetch", "NETWORK"),
    ("weights import", "PATH"),
    # Unknown names.
    ("evaluate --model dvdgna --task shapes-gen --output out", "did you mean 'dvdgan'?"),
    ("evaluate --model Noise --task shapes-gen --output out", "did you mean 'noise'?"),
    ("evaluate --model os.path:nothing --task shapes-gen --output out", "nothing"),
    ("evaluate --model nowhere.to:load --task shapes-gen --output out", "nowhere"),
    ("evaluate --model : --task shapes-gen --output out", "model"),
    ("evaluate --model noise:weights --task shapes-gen --output out", "no weights"),
    ("evaluate --model copy --task shapes-gen --output out", "use 'noise'"),
    ("evaluate --model dvdgan:nowhere --task shapes-gen --output out", "nowhere"),
    ("sample --model dvdgna --task shapes-gen --output out", "did you mean 'dvdgan'?"),
    ("sample --model dvdgan:nowhere --task shapes-gen --output out", "nowhere"),
    ("train --model dvdgna --task shapes-gen --output out", "did you mean 'dvdgan'?"),
    ("train --model noise --task shapes-gen --output out", "cannot be trained"),
    ("train --model copy --task shapes-pred --output out", "cannot be trained"),
    ("train --model dvdgan:nowhere --task shapes-gen --output out --steps 1", "nowhere"),
    *((f"{command} --task shapes-gan {more}", "did you mean 'shapes-gen'?") for command, more in (
        ("evaluate --model noise", "--output out"),
        ("score --samples clips.npy", "--output out"),
        ("sample --model noise", "--output out"),
        ("train --model dvdgan", "--output out"),
        ("data scan .", "--output out"),
        ("data export", "--output out"),
        ("data statistics", "--output out/s.safetensors"),
    )),
    ("tasks show shapes-gan", "did you mean 'shapes-gen'?"),
    ("leaderboard show shapes-gan", "shapes-gan"),
    ("leaderboard show ../shapes-gen", "../shapes-gen"),
    ("weights fetch i4d", "i4d"),
    ("weights fetch shapes", "shapes"),
    ("weights fetch i3d-kinetics-400 --via nowhere", "nowhere"),
    ("weights where i4d", "i4d"),
    ("weights verify i4d", "i4d"),
    ("weights import clips.npy --network i4d", "i4d"),
    ("conformance --vectors nothing/*", "nothing/*"),
    ("conformance --implementation nowhere:Ours", "nowhere"),
    ("conformance --implementation vidmetrics", "vidmetrics"),
    ("conformance --implementation os:nothing", "nothing"),
    ("measure clips.npy clips.npy --num-frames 12 --metric fvd-shape", "did you mean 'fvd-shapes'?"),
    ("measure clips.npy clips.npy --num-frames 12 --metric nothing*", "nothing*"),
    ("leaderboard show shapes-gen --group nothing-like-this", "nothing-like-this"),
    # Options that exclude or need each other.
    ("evaluate --model noise --task shapes-gen --output out --data .", "embedded"),
    ("sample --model noise --task shapes-gen --output out --data .", "embedded"),
    ("data export --task shapes-pred --output out --data .", "embedded"),
    ("data statistics --task shapes-gen --output out/s.safetensors --data .", "embedded"),
    ("data export --task shapes-gen --output out --targets", "--targets"),
    ("data scan . --output out --task shapes-gen", "embedded"),
    ("evaluate --model noise --task bair-pred --output out", "--data DIR"),
    ("sample --model copy --task bair-pred --output out", "--data DIR"),
    ("data export --task bair-pred --output out", "--data DIR"),
    ("data statistics --task bair-pred --output out/s.safetensors", "--data DIR"),
    ("train --model dvdgan --task ucf101-gen --output out", "--data DIR"),
    (f"{_TRAIN} --metric fvd-shapes", "--metrics-every"),
    (f"{_TRAIN} --metric-samples 16", "--metrics-every"),
    (f"{_TRAIN} --metrics-every 1 --metric fvd-shape", "fvd-shape"),
    (f"{_TRAIN} --set steps", "key=value"),
    (f"{_TRAIN} --set =1", "key=value"),
    (f"{_TRAIN} --set batch_size=2 --set batch_size=4", "twice"),
    (f"{_TRAIN} --set g_lrr=1", "g_lr"),
    (f"{_TRAIN} --set preset={'[' * 5000}", f"no preset '{'[' * 100}'"),
    *((f"{_TRAIN} --set {setting}", setting.partition("=")[0]) for setting in (
        "batch_size=0", "batch_size=x", "batch_size=-1", "batch_size=1.5", "batch_size=", "g_lr=x", "g_lr=-1", "g_lr=nan",
        "g_lr=inf", "ch=0", "ch=x", "d_ch=-2", "accumulate=0", "compile=always", "ema=2",
    )),
    (f"{_MEASURE} --weights i3d", "i3d"),
    (f"{_MEASURE} --weights i3d=", "i3d"),
    (f"{_MEASURE} --weights =clips.npy", "=clips.npy"),
    (f"{_MEASURE} --weights i4d=clips.npy", "i4d"),
    (f"{_MEASURE} --weights shapes=clips.npy --weights shapes=clips.npy", "twice"),
    # Paths that do not exist.
    ("evaluate --model noise --task nowhere.toml --output out", "nowhere.toml"),
    ("evaluate --model noise --task shapes-gen --output out --reference nowhere.safetensors", "nowhere.safetensors"),
    ("evaluate --model noise --task ucf101-gen --output out --data nowhere", "nowhere"),
    ("score --samples nowhere --task shapes-gen --output out", "nowhere"),
    ("score --samples nowhere.npy --task shapes-gen --output out", "nowhere.npy"),
    ("score --samples nowhere.npz --task shapes-gen --output out", "nowhere.npz"),
    ("measure nowhere clips.npy --metric fvd-shapes", "nowhere"),
    ("measure clips.npy nowhere --metric fvd-shapes --num-frames 12", "nowhere"),
    ("sample --model noise --task nowhere.toml --output out", "nowhere.toml"),
    ("train --model dvdgan --task nowhere.toml --output out", "nowhere.toml"),
    ("train --model dvdgan --task ucf101-gen --data nowhere --output out", "nowhere"),
    ("data scan nowhere --output out", "nowhere"),
    ("data scan . --output out --task nowhere.toml", "nowhere.toml"),
    ("data export --task nowhere.toml --output out", "nowhere.toml"),
    ("data export --task bair-pred --data nowhere --output out", "nowhere"),
    ("data statistics --task bair-pred --data nowhere --output out/s.safetensors", "nowhere"),
    ("tasks show nowhere.toml", "nowhere.toml"),
    ("compare nowhere.json result.json", "nowhere.json"),
    ("export-result nowhere.json --format hf-eval-results --dataset a/b", "nowhere.json"),
    ("tasks export nowhere.toml --format croissant", "nowhere.toml"),
    ("compare result.json nowhere.json", "nowhere.json"),
    ("leaderboard show shapes-gen --leaderboards nowhere", "nowhere"),
    ("leaderboard check nowhere", "nowhere"),
    ("leaderboard add nowhere.json --leaderboards boards --training train --extra-data none", "nowhere.json"),
    ("leaderboard build --output out --leaderboards nowhere", "nowhere"),
    ("weights import nowhere.npz", "nowhere.npz"),
    ("weights verify nowhere.npz", "nowhere.npz"),
)  # fmt: skip


def _inputs(folder: Path) -> None:
    clips(folder / "clips.npy")
    result(folder / "result.json")
    (folder / "boards").mkdir()


def _cases() -> Iterator[Case]:
    def case(name: str, arguments: list[str], word: str) -> Case:
        return Case(name, typed(*arguments, inputs=_inputs), word)

    for command, option, values in (*_NUMBERS, *_CHOICES):
        for value in values:
            arguments = [*command.split(), option, value]
            yield case(f"{' '.join(command.split()[:2])} {option} {value or 'empty'}", arguments, option)
    for command, option in _TAKES_VALUE:
        yield case(f"{' '.join(command.split()[:2])} {option} without a value", [*command.split(), option], option)
    for command in _COMMANDS:
        yield case(f"{command}: unknown option", [*command.split(), "--nothing-like-this"], "--nothing-like-this")
    for line, word in _LINES:
        yield case(line, line.split(), word)
    for words in (("--output", ""), ("--data", "")):
        yield case(
            f"evaluate, empty {words[0]}",
            ["evaluate", "--model", "noise", "--task", "shapes-gen", *words],
            "the path is empty",
        )


CASES = tuple(_cases())
