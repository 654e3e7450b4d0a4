"""Task files: reading, refusing, the fingerprint, and the words that `tasks show` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vidbench.errors import InputError
from vidbench.tasks import load_task, task_names
from vidbench.tasks.schema import EvaluationSpec, Task
from vidbench.tasks.words import protocol_text, status_sentence


@pytest.fixture
def own(tmp_path):
    """A user's task file, as text that a test may change."""
    content = Path(load_task("shapes-gen").origin).read_text(encoding="utf-8")
    path = tmp_path / "own.toml"

    def write(*changes: tuple[str, str]) -> str:
        changed = content
        for old, new in changes:
            assert old in changed, old
            changed = changed.replace(old, new, 1)
        path.write_text(changed, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("name", task_names())
def test_shipped_tasks_load_under_their_own_name(name):
    loaded = load_task(name)
    assert loaded.shipped
    assert loaded.task.name == name
    assert loaded.task.notes, "a protocol says where its choices come from"


def test_own_file_is_not_shipped_but_has_the_same_fingerprint(own):
    loaded = load_task(own())
    assert not loaded.shipped
    assert loaded.task.fingerprint == load_task("shapes-gen").task.fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_frames = 12", "num_frames = 13"),
        ("num_samples = 1024", "num_samples = 1023"),
        ('reference_split = "train"', 'reference_split = "test"'),
        ('"is-shapes"]', "]"),
        ("version = 1", "version = 2"),
    ],
)
def test_whatever_decides_the_number_changes_the_fingerprint(own, old, new):
    assert load_task(own((old, new))).task.fingerprint != load_task("shapes-gen").task.fingerprint


def test_words_do_not_change_the_fingerprint(own):
    changed = load_task(own(("title = ", 'title = "Another title" #'), ('origin = "ours"', 'origin = "published"')))
    assert changed.task.fingerprint == load_task("shapes-gen").task.fingerprint


_DEPRECATED = 'version = 1\nstatus = "deprecated"\nsuccessor = "shapes-pred"\nreason = "It is old."'
_BROKEN = 'version = 1\nstatus = "broken"\nreason = "The floor is 0"'


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (_DEPRECATED, "The task 'shapes-gen' is deprecated: It is old; use 'shapes-pred' instead."),
        (_BROKEN, "The task 'shapes-gen' is broken, so that its results are unofficial: The floor is 0."),
    ],
)
def test_the_status_of_a_task_is_said_and_changes_no_fingerprint(own, lines, sentence):
    task = load_task(own(("version = 1", lines))).task
    assert task.fingerprint == load_task("shapes-gen").task.fingerprint
    assert status_sentence(task) == sentence
    assert sentence in " ".join(protocol_text(task).split())
    assert status_sentence(load_task("shapes-gen").task) == ""


@pytest.mark.parametrize(
    "lines",
    ['status = "broken"', 'reason = "It is old."', 'successor = "shapes-pred"', 'status = "gone"\nreason = "x"'],
)
def test_a_status_needs_a_reason_and_an_active_task_has_none(own, lines):
    with pytest.raises(InputError, match=r"status|active"):
        load_task(own(("version = 1", f"version = 1\n{lines}")))


def test_the_successor_of_a_shipped_task_ships_and_is_active():
    tasks = [load_task(name).task for name in task_names()]
    named = {task.name: task.successor for task in tasks if task.status != "active"}
    assert named == {"ucf101-gen": "ucf101-gen-fvd", "ucf101-gen-train": "ucf101-gen-train-fvd"}
    assert all(load_task(successor).task.status == "active" for successor in named.values())


# The first three predate the modes of clip plans: results with them remain valid. A fingerprint changes only
# together with the version of its task.
FINGERPRINTS = {
    "shapes-gen": "2e8a4e291ad657217d0a3826cca21c6ab78341497c6ef431dd5a3b2493bc3168",
    "shapes-pred": "0df86ae798b3606840dd26569e286fd50ee9fa0214092b7d8a523ba849d84f0e",
    "weizmann-gen": "a60d7fb794d8a828c540b759a0fef63de52e21fb4a701ea46d3b88cb146d0794",
    "bair-pred": "a107b6d4cca16f1843d1370b589b70021ca6b2f38c03ae1a86d3bc7e4393e934",
    "bair-pred-debiased": "dbbebe659df62d9fef4804b5fd4471830736ef50d370dc56da77702151c5a4c5",
    "k600-gen": "8c66c91bf1a18f2ad2f065771c96897f236c9242d3ffef7baa3c1165f36519c9",
    "k600-gen-12x128": "70cd5b7928f179516d431c204c15b16cc7c881b8aac44c372be9706bd5d72102",
    "k600-gen-12x256": "76eb713dfc20e7e00c43f1f358ab0c26d76786968820db5a924ea388282f57f2",
    "k600-gen-48x128": "22800d7042e95ee6afcc51c499dc1d217038c46b14615d70d158363f30c4a182",
    "k600-gen-48x64": "9bb98143a88f3b61da2115616d3705677f92fee7c616c79831876cfc29a5b571",
    "k600-pred": "73aeb16a3599569c74866a398289fd80f9155017e19137cd9707f9707de682ff",
    "k600-pred-disjoint": "e18260e2c5f6684fe6a3a341a2a5fe374d4ca544219546d61fc89e885bb159a3",
    "k600-pred-dvdgan": "4e1f6ce048055ce7a22e066fdc9e25305040780f910af52a7c8d89dd3a87a699",
    "k600-pred-dvdgan-train": "ff6b4d2a00e6687d302e8dba30f70cea7cf5f6968483d0c4dd4bd91eb44b9672",
    "k600-pred-magvit": "aa44590b3cb238c47b076daa0e25224f9821d1bebcb33fea33df475710727405",
    "k600-pred-vdm": "040ce1cfbccfd9cd8be4149cbf3365164cee3aaa3ca37411656c5e219effe44b",
    "cityscapes-pred-2to28": "33adba9bbb55a190ac70c12f7b58ac44cb71d9dcd28ff3d62255998e06f6a552",
    "cityscapes-pred-2to28-all": "cf1d3aad284ac32cd28865850e5a3d05af9d0bbf3a3f478029c6b1ac7fa99cb4",
    "ffs-gen-latte": "dc8bbe750a0fea1067c94260f60551fbae21e35b092b7492198d7b0d118d50d6",
    "ffs-gen-styleganv": "8942e66119067c0f746140fb2d90f162cc6c34345704a1d60fdf6117c760b0f5",
    "ffs-gen-styleganv-128f": "4736be3472956c84ad386c6991a49f510b32fe3c49ea61030b25054daf7def64",
    "kth-pred-10to30": "16cb2338eca15c0d9e56b25b96ed01b9fa6fddcd5fe60b4132305de88108c6c2",
    "kth-pred-10to40": "13eaa43bd6b3104e7aee7577ac6bea95b6875856b3aef3dac10922ded2f00dea",
    "sky-gen-latte": "8891df7e91584f724fd962b3a7bcb10348c470abb72a3bbeac7926b55ed2bc7e",
    "sky-gen-styleganv": "7e46d7c89f28b8d3ce992c143c02d22a74d5e797868226aba1f6189c7e610805",
    "sky-gen-styleganv-128f": "e2025e67f7df7df9425aeb5694b613c3c7c442118640a7a918f8411709abf862",
    "taichi-gen-latte": "7da3d53525018c96756a0b8e59c1913a0e6a96fa81013cc99a8d250b705aa543",
    "taichi-gen-latte-s3": "7bd3de63a63b7dcb1d2d6e726a789fea5bfdaf7b38f055ef937b582de307310c",
    "taichi-gen-styleganv": "48a792fb6c228f64c46d91ee09fda54255e6774d0f4c44e4920a89b4894c1c0b",
    "taichi-gen-styleganv-128f": "f01fc596a2492bdc7ed2b42ec51a16a5f89a4e99a3e95cc1fc9f80b402f2760b",
    "msrvtt-t2v": "c878a51c298a01424234f9f163c40867e972d81de7be4db96588cbd75e91ce9d",
    "shapes-t2v": "835e3e4a3546e550a670906af4cb936acaf3d25eeda8b23acb2236125d87f588",
    "bair-act-ivideogpt": "13fc3264845e898f7af71831a255db03040a2022646f027f88d69543f0fea720",
    "dmlab-act-144to156-teco": "456f7aafe36bfa4da227c4cb62dc5cb9d8605d0f94a954469b5629a29fc65643",
    "dmlab-rollout-36to264-teco": "0b80ffc090f7d2ed2f645527665c8bd301b84f0f9f9674468c7fc76f96f028ea",
    "minecraft-act-144to156-teco": "281ca8886278b77f9445b4138f943697ac8344c30b70b52b2f6b03efdae08ef0",
    "minecraft-rollout-36to264-teco": "d8e89bc9aa46257cb7fa4e4e10d95c9aa6a079ffb72993f8b99c6105a3a41532",
    "shapes-act": "d378dfcb99e15445fc5840791a64e908f9ff94c701a5db66328d6ac9a5f67034",
    "shapes-rec": "141d99c4c7ed57ced1a442afce8d4f7f682716f675b7ad49556ed3f221e51bb1",
    "shapes-rollout": "842f0fb38c6c1d4e31e28cf98020d55b03f6e216686ec3a05199477260afe0ad",
    "ucf101-gen": "63a1cc9838e591790ce58d7b55b9519d662147d4870af448cefbdd0bc7db111e",
    "ucf101-gen-fvd": "399e7664ccc8fd9bf213f5d97b0a40b5da83a3afbecebd1193fe051d03e43ee7",
    "ucf101-gen-train-fvd": "7493690f9dea988895606656d2d7f44fcc0a57432a647ffe78c7ae6de5da686e",
    "bair-pred-c1p15": "b868fcdc27c4825b1c7391d0cc00b2b65aa705a7ff279760bd3c2c3000227795",
    "bair-pred-c1p15-averaged": "c8eb6438113de8aec9308b0d9c885bac446f0531e901a8de6d5a655337a30153",
    "bair-pred-c2p14": "83331e08c7217255526cd1dd3ecccbfe0463179ac0d6a47eff18e144fdf8121a",
    "bair-pred-c2p14-averaged": "f1b1d1b416942ed8cc77fc67e6807019a70fcc5f0b862de23105231eb2133f66",
    "bair-pred-c2p28": "d533e51767bd7e6769494ece4d12655d74732a386509e8b577630297f861c0e4",
    "bair-pred-c2p28-averaged": "2c8373068e3daf7df9046866a3e5ff26bf809f6821238f8b1b04e49d389ce9e6",
    "bair-pred-c2p28-far": "a5227443ba817b3f9040752272747ae52dd7baddebfd55b0902bb7aec67bdb83",
    "k600-pred-dfot": "0a219e04ebf5114c5ab3593e120e48b11b81cd405634b748d45b90dd8f911a06",
    "k600-pred-larp": "e07d2b47a78d56e5dd881e27a14e7ca27e8edd088c396e78e1c796abe57174bc",
    "k600-pred-omnitokenizer": "20afb5656e5b16782589b1beb7f10fb057e5aa26978b6d359d0c3d7ef62c5d3d",
    "ucf101-gen-far-128": "4f2aa7dcc16f5b30770d457eea1e19d6305e9399a73a6d58e40229d100fea69c",
    "ucf101-gen-far-128-uncond": "703da8916ff1d30d2ec76b6fb167e9dde0f4fc711a7ac843e6c1b6cd43890104",
    "ucf101-gen-far-256": "04264c6a0cd33faf2b253a90e550dc2a35bd4494d77d327ffc16457bb580907a",
    "ucf101-gen-far-256-uncond": "e3fa0e5079789cf308051490ad297adf7b5206a14437b1d79f06ccda863e38ca",
    "ucf101-gen-larp": "d05baa5f94ccc43611fa702b6a13272ff3fd0124536066996c2b040a52170489",
    "ucf101-pred-4to12-far": "ca918fd68c8020ea67620a8149edc19094fb897e6381b37e56b6ad98507fec27",
    "ucf101-pred-4to12-mcvd": "8cc573761c897c29244588ed91036f9c161d362258bca5032fb2d103ac50366c",
    "ucf101-pred-4to16-mcvd": "798b0bf8721a59903410a646536d35c751ba777dffdecffedc2d1f5289eeea20",
    "ucf101-gen-latte": "fc749a968c238a8498cc3595c63c9efe2258529e212ac29db75cc67e994f8874",
    "ucf101-gen-styleganv": "a61a1c29cb9ad381a6af6ed486229d766fb737ccf071d6cfe70f328a5cead296",
    "ucf101-gen-styleganv-128f": "61e94d1f128d4c3b2e38ff827f56ea764b9787dff71904be2891a82b1b62e7ea",
    "ucf101-gen-styleganv-128f8": "25ad63c5ab2761564f2ccf763637f7644535849ada9074a51f1c00acd8d85de3",
    "ucf101-gen-train": "7ccaa5b590d954ec5fa6081c77440872d8969575ed742add4dd8b63f014d3e22",
}


def test_fingerprints_stay_what_they_are():
    shipped = {name: load_task(name).task.fingerprint for name in task_names()}
    assert {name: FINGERPRINTS.get(name) for name in shipped} == shipped
    examples = Path(__file__).parents[3] / "examples" / "tasks"
    assert load_task(str(examples / "weizmann.toml")).task.fingerprint == FINGERPRINTS["weizmann-gen"]


def test_a_later_field_enters_the_fingerprint_only_where_it_differs_from_its_default():
    class Later(EvaluationSpec):
        sweep: tuple[float, ...] = ()
        tables: int | None = None

    task = load_task("shapes-gen").task
    fields = task.evaluation.model_dump()
    assert Later(**fields).identity() == task.evaluation.identity()
    assert Later(**fields, sweep=(0.5,)).identity() == {**task.evaluation.identity(), "sweep": [0.5]}


def test_a_default_that_is_spelt_out_changes_nothing(own):
    same = own(("num_frames = 12", 'num_frames = 12\nstarts = "uniform"\ndraw = "once"\nspares = "none"\nstride = 1'))
    assert load_task(same).task.fingerprint == load_task("shapes-gen").task.fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_frames = 16", "num_frames = 16\nseed = 1"),
        ('starts = "first"', 'starts = "uniform"'),
        ('starts = "first"', 'starts = "first"\nspares = "next"'),
        ("samples_per_context = 100", "samples_per_context = 50"),
        ("samples_per_context = 100", "samples_per_context = 100\nrepeats = 2"),
        ("clips_per_video = 15", "clips_per_video = 14"),
        ('resize = "none"', 'resize = "pil-box"\nvia = [128, 128]'),
        ('starts = "all"', 'starts = "all"\nseed = 4'),
    ],
)
def test_what_published_protocols_fix_changes_the_fingerprint(tmp_path, old, new):
    text = Path(load_task("bair-pred-debiased").origin).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "own.toml").write_text(text.replace(old, new, 1))
    changed = load_task(str(tmp_path / "own.toml")).task
    assert changed.fingerprint != load_task("bair-pred-debiased").task.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('starts = "first"', 'starts = "first"\nclips_per_video = 2', "clips_per_video"),
        ('starts = "first"', 'crop2 = "three"', "clips.crop2"),
        ('crop = "none"', 'crop = "three"\nclips_per_video = 4', "multiple of 3"),
        ('starts = "first"', 'draw = "replacement"\nclips_per_video = 2', "one clip at a time"),
        ('resize = "none"', 'resize = "none"\nvia = [128, 128]', "kernel in resize"),
        ('starts = "all"', 'starts = "first"', "reference.clips"),
        ("num_clips = 3840", 'num_clips = "all"', None),
        ('clips_per_video = 15\nstarts = "all"', 'draw = "replacement"', None),
        ("num_samples = 25_600", "num_samples = 25_601", "multiple of evaluation.samples_per_context"),
        ("context_frames = 1", "context_frames = 0", "needs"),
        ('dataset = "bair-image-aux1"', 'dataset = "shapes"', "shapes have no videos"),
    ],
)
def test_plans_that_cannot_be_are_refused(tmp_path, old, new, expected):
    text = Path(load_task("bair-pred-debiased").origin).read_text(encoding="utf-8")
    assert old in text, old
    (tmp_path / "own.toml").write_text(text.replace(old, new, 1))
    if expected is None:
        assert load_task(str(tmp_path / "own.toml")).task
        return
    with pytest.raises(InputError) as caught:
        load_task(str(tmp_path / "own.toml"))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", task_names())
def test_every_shipped_task_has_an_entry_that_says_everything(name):
    text = (Path(__file__).parents[3] / "docs" / "tasks.md").read_text(encoding="utf-8")
    entries = [part for part in text.split("\n### ")[1:] if f"`{name}`" in part.partition("\n")[0]]
    assert len(entries) == 1
    for field in ("Source", "Compare with", "Changelog"):
        assert f"**{field}**" in entries[0], field
    if not name.startswith("shapes"):
        assert "**Fixed by" in entries[0]
        assert "**Ours**" in entries[0]


def test_every_field_outside_the_words_enters_the_fingerprint():
    # A new top-level field must not slip past the fingerprint unnoticed.
    assert set(Task.model_fields) - {"title", "description", "notes", "status", "successor", "reason", "unranked"} == {
        "name",
        "version",
        "data",
        "clips",
        "reference",
        "evaluation",
        "kind",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("num_frames", "num_frame"), "did you mean 'clips.num_frames'"),
        (("num_frames = 12", "num_frames = 0"), "clips.num_frames"),
        (("num_frames = 12", 'num_frames = "12"'), "clips.num_frames"),
        (("height = 32\n", ""), "clips.height"),
        (('labels = "balanced"', 'labels = "balancd"'), "evaluation.labels"),
        (("num_frames = 12", "num_frames = 12\ncontext_frames = 12"), "context_frames"),
        (('ceiling = "noise"', 'ceiling = "copy"'), "copy"),
        (("[data]", "[data"), "TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence_that_names_key_and_file(own, change, expected):
    path = own(change)
    with pytest.raises(InputError) as caught:
        load_task(path)
    sentence = str(caught.value)
    assert expected in sentence
    assert path in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("times", [2, 3, 1200])
def test_another_conversion_is_named_once(times):
    with pytest.raises(InputError, match=r"^The task 'bair-pred\+ffmpeg-default.*more than once: write it once\.$"):
        load_task("bair-pred" + times * "+ffmpeg-default")


def test_a_typo_suggests_the_right_task():
    with pytest.raises(InputError, match=re.escape("did you mean 'shapes-gen'?")):
        load_task("shape-gen")


def test_a_missing_file_is_refused():
    with pytest.raises(InputError, match=r"nowhere\.toml does not exist"):
        load_task("nowhere.toml")


@pytest.mark.parametrize("name", task_names())
def test_the_words_hold_the_numbers_and_the_fingerprint(name):
    task = load_task(name).task
    words = protocol_text(task)
    assert task.fingerprint in words
    assert f"{task.evaluation.num_samples:,}" in words
    for metric in task.evaluation.metrics:
        assert metric in words
    assert words.count("[our choice]") == sum(note.origin == "ours" for note in task.notes)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("k600-gen", "split 'val'"),
        ("k600-pred", "split 'train'"),
        ("k600-pred-disjoint", "split 'val'"),
        ("ucf101-gen", "none, the reference set contains every video"),
    ],
)
def test_the_words_say_where_the_floor_comes_from(name, split):
    words = " ".join(protocol_text(load_task(name).task).split())
    assert f"floor 'real' ({split})" in words
    assert "pil-bicubic" in words
