"""What an export leaves behind when a video is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.errors import InputError
from vidbench.jobs import export
from vidbench.progress import Progress


@pytest.mark.parametrize("sound_chunks", [0, 1])
def test_a_refused_export_leaves_only_what_can_be_resumed(tmp_path, monkeypatch, sound_chunks):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "shard_size", lambda *shape: 2)
    read, calls = ShapesDataset.read, []

    def refusing(self, indices):
        calls.append(indices)
        if len(calls) > sound_chunks:
            raise InputError("The video 'v.mp4' is damaged; remove it.")
        return read(self, indices)

    options = export.ExportOptions(output=Path("out"), num_samples=6)
    monkeypatch.setattr(ShapesDataset, "read", refusing)
    with pytest.raises(InputError) as caught:
        export.export_task("shapes-pred", options, Progress(enabled=False))
    said = "finished clips stay in '.out.partial'" in str(caught.value)
    assert (Path(".out.partial").exists(), said) == (bool(sound_chunks), bool(sound_chunks))
    assert not Path("out").exists()
    monkeypatch.setattr(ShapesDataset, "read", read)
    export.export_task("shapes-pred", options, Progress(enabled=False))
    assert Path("out/export.json").is_file()
    assert not Path(".out.partial").exists()
