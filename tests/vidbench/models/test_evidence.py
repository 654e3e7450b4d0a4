"""The source files of a model, found by following its imports."""

from __future__ import annotations

import importlib

from vidbench.models import evidence


def test_each_file_of_a_package_whose_files_import_each_other_is_read_once(tmp_path, monkeypatch):
    package = tmp_path / "ring_of_models"
    package.mkdir()
    for number in range(60):
        imports = "".join(f"import ring_of_models.m{other}\n" for other in range(60))
        (package / f"m{number}.py").write_text(
            f"def load():\n    pass\n\n\ndef later():\n    {imports.replace(chr(10), chr(10) + '    ')}pass\n"
        )
    (package / "__init__.py").write_text("")
    (tmp_path / "outside_the_ring.py").write_text("")
    (package / "m7.py").write_text((package / "m7.py").read_text() + "    import outside_the_ring\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    read = []
    imported = evidence._imported
    monkeypatch.setattr(evidence, "_imported", lambda path: read.append(path) or imported(path))
    found = evidence.source_files(importlib.import_module("ring_of_models.m0").load)
    assert len(found) == len(set(found)) == 62
    assert found[-1] == tmp_path / "outside_the_ring.py"
    assert sorted(read) == sorted(found)
