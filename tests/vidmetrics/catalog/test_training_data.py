"""What weights have seen: names of training data, and the overlaps of datasets."""

from __future__ import annotations

import pytest

from vidmetrics import InputError
from vidmetrics.catalog.network_cards import NETWORKS
from vidmetrics.catalog.training_data import SHARED_CLIPS, checked_names, seen_of


def test_the_names_of_every_card_and_overlap_are_names():
    for name, card in NETWORKS.items():
        assert checked_names(card.trained_on, name) == card.trained_on
        assert card.trained_on or card.embedded, f"{name}: what was it trained on?"
    for each in SHARED_CLIPS:
        assert checked_names([each.seen, each.part], "") == (each.seen, each.part)
        assert each.source.startswith("arXiv ")


def test_data_is_seen_by_its_name_as_a_part_of_all_and_as_a_part_of_other_data():
    assert seen_of(["kinetics-600/train", "howto100m"], "kinetics-600", "train") == ("kinetics-600/train",)
    assert seen_of(["kinetics-600/train"], "kinetics-600", "test") == ()
    assert seen_of(["ucf101"], "ucf101", "test01") == ("ucf101",)
    assert seen_of(["ucf101/train01"], "ucf101", "all") == ("ucf101/train01",)
    assert seen_of(["kinetics-700/train"], "kinetics-600", "val") == (
        "kinetics-700/train, which has many of the clips of kinetics-600/val (arXiv 1907.06987)",
    )
    assert seen_of(["kinetics-400/train"], "kinetics-600", "val") == ()


@pytest.mark.parametrize("names", ["kinetics-600/train", ["Kinetics 600"], [3], ["a/b/c"], {"ucf101"}])
def test_other_declarations_are_refused(names):
    with pytest.raises(InputError, match=r"The model 'mine' declares trained_on .*: give a tuple of names"):
        checked_names(names, "mine")


def test_nothing_declared_is_not_nothing_seen():
    assert checked_names(None, "mine") is None
    assert checked_names((), "mine") == ()
