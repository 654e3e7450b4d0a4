"""The sources of published weights, and the comparison of a file with what is published."""

from __future__ import annotations

import pytest

from vidmetrics import InputError
from vidmetrics.weights.sources import licence_of, published_networks, source_of, sources
from vidmetrics.weights.verify import git_blob_id, why_wrong


def test_every_network_has_its_sources():
    assert published_networks() == ["i3d-kinetics-400", "i3d-kinetics-600", "inception-2015-12-05", "c3d-ucf101"]
    for source in sources():
        assert bool(source.files) != bool(source.handle)
        assert set(source.imports) <= {file.name for file in source.files}
        assert source.origin
        assert source.licence
        for file in source.files:
            assert all(url.startswith("https://") for url in file.urls)
            assert len(set(file.urls)) == len(file.urls) > 1
            assert sum(map(bool, (file.sha256, file.git_blob, file.crc_table))) <= 1
            assert file.verifiable == (source.network != "c3d-ucf101")
    assert len({(source.network, source.name) for source in sources()}) == len(sources())


def test_the_figures_that_are_published():
    data = source_of("i3d-kinetics-400").files[1]
    assert (data.bytes, data.git_blob) == (50_818_176, "fa7df95674dbf3579e7fccd954e51e706b4734c1")
    assert source_of("i3d-kinetics-600").files[1].bytes == 103_218_112
    inception = source_of("inception-2015-12-05").files[0]
    assert inception.bytes == 95_628_359
    assert inception.sha256 == "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


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
        ("shapes", "Apache-2.0: trained for vidbench and shipped with it"),
        ("frames", "unknown: no source of these weights is listed"),
    ],
)
def test_proven_weights_have_the_licence_of_their_source_and_others_are_unknown(network, licence):
    assert licence_of(network, proven=True) == licence
    assert licence_of(network, proven=False) == "unknown: the weights are not proven to be the published ones"
