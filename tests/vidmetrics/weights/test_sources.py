"""The sources of published weights, and the comparison of a file with what is published."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import vidmetrics.weights.sources as registry
from vidmetrics import InputError
from vidmetrics.weights.sources import (
    HashReport,
    agreed_sha256,
    licence_of,
    published_networks,
    source_of,
    sources,
)
from vidmetrics.weights.verify import git_blob_id, why_wrong

WITHOUT_HASH = ("conv3d_deepnetA_ucf.npz", "vith16.pth.tar", "ssv2-probe.pth.tar", "vit_g_hybrid_pt_1200e_ssv2_ft.pth")
ONE_ADDRESS = ("vith16.pth.tar", "ssv2-probe.pth.tar", "alexnet-owt-7be5be79.pth", "vgg16-397923af.pth")


def test_every_network_has_its_sources():
    assert published_networks() == [
        "i3d-kinetics-400",
        "i3d-kinetics-600",
        "inception-2015-12-05",
        "c3d-ucf101",
        "lpips-alex",
        "lpips-vgg",
        "videomae-ssv2",
        "vjepa-ssv2",
    ]
    for source in sources():
        assert bool(source.files) != bool(source.handle)
        assert set(source.imports) <= {file.name for file in source.files}
        assert source.origin
        assert source.licence
        for file in source.files:
            assert all(url.startswith("https://") for url in file.urls)
            # V-JEPA and torchvision's files are published at one address only.
            assert len(set(file.urls)) == len(file.urls) > (file.name not in ONE_ADDRESS)
            assert sum(map(bool, (file.sha256, file.git_blob, file.crc_table))) <= 1
            assert file.verifiable == (file.name not in WITHOUT_HASH)
            assert not file.reports, "there is none yet: docs/weights.md and the status of ucf101-gen say so"
    assert len({(source.network, source.name) for source in sources()}) == len(sources())


def test_the_figures_that_are_published():
    data = source_of("i3d-kinetics-400").files[1]
    assert (data.bytes, data.git_blob) == (50_818_176, "fa7df95674dbf3579e7fccd954e51e706b4734c1")
    assert source_of("i3d-kinetics-600").files[1].bytes == 103_218_112
    inception = source_of("inception-2015-12-05").files[0]
    assert inception.bytes == 95_628_359
    assert inception.sha256 == "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


def test_names_of_torchvision_begin_with_the_hash():
    for network in ("lpips-alex", "lpips-vgg"):
        file = source_of(network).files[0]
        assert file.sha256.startswith(file.name.removesuffix(".pth").rpartition("-")[2])


def _report(digit: str, by: str) -> HashReport:
    return HashReport(digit * 64, by, "2026-11-30", "https://example.org")


@pytest.mark.parametrize(
    ("reports", "agreed"),
    [
        ([], None),
        ([("a", "one"), ("a", "two")], None),
        ([("a", "one"), ("a", "two"), ("a", "Two")], None),
        ([("a", "one"), ("a", "two"), ("a", "three")], "a"),
        ([("a", "one"), ("a", "two"), ("a", "three"), ("b", "four")], None),
    ],
)
def test_three_parties_that_agree_make_a_hash_and_one_that_differs_stops_it(reports, agreed):
    found = agreed_sha256([_report(*report) for report in reports])
    assert found == (agreed and agreed * 64)


def test_what_three_parties_report_identifies_a_file(tmp_path):
    np.savez(tmp_path / "conv.npz", **{"conv1a/W": np.ones(3, np.float32)})
    digest = hashlib.sha256((tmp_path / "conv.npz").read_bytes()).hexdigest()
    row = {"name": "conv.npz", "urls": ["https://a.example/conv.npz"]}
    tables = {}
    for count in (2, 3):
        reports = [{"sha256": digest, "by": f"group {i}", "date": "2027-01-01", "where": "x"} for i in range(count)]
        tables[count] = registry._file({**row, "report": reports})
        assert tables[count].verifiable == (count == 3)
        assert why_wrong(tmp_path / "conv.npz", tables[count]) is None
    assert tables[2].known_by == "no published hash, and 2 of 3 reports that must agree on one"
    assert tables[3].sha256 == digest
    # A hash that the author published is not outvoted.
    assert registry._file({**row, "sha256": "c" * 64, "report": reports}).sha256 == "c" * 64
    (tmp_path / "conv.npz").write_bytes(b"other")
    assert "sha256" in why_wrong(tmp_path / "conv.npz", tables[3])


def test_the_mean_of_c3d_is_written_as_caffe_does():
    # The first bytes of facebookarchive/C3D (71336a2), C3D-v1.0/examples/c3d_feature_extraction/fb_train16_128_mean.binaryproto.
    path = Path(__file__).parents[3] / "tools" / "prove_c3d_mean.py"
    spec = importlib.util.spec_from_file_location("prove_c3d_mean", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    content = tool.binaryproto(np.full((3, 16, 128, 128), 118.06862, np.float32))
    assert content[:17].hex() == "080110031810208001288001328080c001"
    assert len(content) == 3_145_745, "the size of that file"
    assert tool.git_blob(b"hello world\n") == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
    assert source_of("c3d-ucf101").files[1].rests_on.count(tool.PUBLISHED) == 1


def test_names_are_suggested():
    assert source_of("i3d-kinetics-400", "videogpt").files[0].name == "i3d_pretrained_400.pt"
    with pytest.raises(InputError, match=r"network 'i3d-kinetics400'; did you mean 'i3d-kinetics-400'"):
        source_of("i3d-kinetics400")
    with pytest.raises(InputError, match=r"'tfhup'; did you mean 'tfhub'"):
        source_of("i3d-kinetics-400", "tfhup")


def test_the_published_indexes_are_recognised(shared):
    index_400, index_600 = (source_of(f"i3d-kinetics-{n}").files[0] for n in (400, 600))
    published_400 = shared / "data" / "i3d-kinetics-400" / "published-variables.index"
    published_600 = shared / "data" / "i3d-kinetics-600" / "model.ckpt.index"
    assert why_wrong(published_400, index_400) is None
    assert why_wrong(published_600, index_600) is None
    assert "does not list the tensors of i3d-kinetics-400" in why_wrong(published_600, index_400)
    assert "bytes instead of" in why_wrong(published_400, index_600)


def test_an_index_that_is_none(tmp_path):
    (tmp_path / "page.html").write_text("<html>not found</html>")
    assert "not a checkpoint index" in why_wrong(tmp_path / "page.html", source_of("i3d-kinetics-400").files[0])


def test_git_blob_ids(tmp_path):
    (tmp_path / "hello").write_bytes(b"hello world\n")
    assert git_blob_id(tmp_path / "hello") == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"  # of git hash-object


@pytest.mark.parametrize(
    ("network", "licence"),
    [
        ("i3d-kinetics-400", "Apache-2.0"),
        ("i3d-kinetics-400+videogpt", "Apache-2.0"),
        ("i3d-kinetics-600", "Apache-2.0"),
        ("inception-2015-12-05", "Apache-2.0 (pytorch-fid); not stated for the original file"),
        ("c3d-ucf101", "unknown: not stated"),
        ("vjepa-ssv2", "CC-BY-NC-4.0 (the repository's; not stated for the files)"),
        ("videomae-ssv2", "unknown: not stated for the file; the repository's is MIT"),
        ("lpips-alex", "BSD-3-Clause (torchvision) and BSD-2-Clause (LPIPS)"),
        ("shapes", "Apache-2.0: trained for vidbench and shipped with it"),
        ("frames", "unknown: no source of these weights is listed"),
    ],
)
def test_proven_weights_have_the_licence_of_their_source_and_others_are_unknown(network, licence):
    assert licence_of(network, proven=True) == licence
    assert licence_of(network, proven=False) == "unknown: the weights are not proven to be the published ones"
