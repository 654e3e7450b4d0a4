"""Reads exported documents with the packages that others read them with; run by `make test-exports`.

    python tests/oracles/export_readers.py FOLDER

Needs mlcroissant and huggingface_hub. Prints how many documents of each kind were read; fails on the first that is not valid.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mlcroissant
import yaml
from huggingface_hub import parse_eval_result_entries


def main(folder):
    """Read every document of a folder."""
    croissants = sorted(folder.glob("*.croissant.json"))
    for path in croissants:
        dataset = mlcroissant.Dataset(jsonld=path)
        issues = dataset.metadata.ctx.issues
        assert not issues.errors, (path, issues.errors)
        said = dataset.metadata
        # Terms of the responsible-AI vocabulary, as mlcroissant understands them.
        assert said.data_collection, path
        for several in (said.personal_sensitive_information, said.data_use_cases, said.data_limitations):
            assert several, path
        assert said.data_social_impact, path
        assert said.data_release_maintenance_plan, path
        for name in ("protocol", "metrics", "origins"):
            assert list(dataset.records(name)), (path, name)
    benchmarks = sorted(folder.glob("*.eval.yaml"))
    for path in benchmarks:
        document = yaml.safe_load(path.read_text())
        assert all(isinstance(task["id"], str) for task in document["tasks"]), path
    entries = []
    for path in sorted(folder.glob("*.eval_results.yaml")):
        entries += parse_eval_result_entries(yaml.safe_load(path.read_text()))
    assert all(isinstance(entry.value, float) and entry.dataset_id == "someone/videos" for entry in entries)
    print(f"{len(croissants)} croissant, {len(benchmarks)} benchmarks, {len(entries)} results")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
