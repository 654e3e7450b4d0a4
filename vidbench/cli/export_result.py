"""`vidbench export-result`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line


@click.command("export-result")
@click.argument("result", type=PATH)
@click.option(
    "--format",
    "style",
    type=click.Choice(["hf-eval-results", "every-eval-ever"]),
    required=True,
    help="hf-eval-results: YAML for .eval_results/ of a model on the Hugging Face Hub; every-eval-ever: JSON of that database.",
)
@click.option("--dataset", metavar="OWNER/NAME", default="", help="hf-eval-results: repository of the benchmark.")
@click.option("--source-url", metavar="URL", default="", help="hf-eval-results: where the result file can be read.")
@click.option("--model-id", metavar="DEVELOPER/NAME", default="", help="every-eval-ever: the model.")
@click.option("--organization", metavar="TEXT", default="", help="every-eval-ever: the organization behind the result.")
@click.option(
    "--relationship",
    type=click.Choice(["first_party", "third_party", "collaborative", "other"]),
    default=None,
    help="every-eval-ever: of the organization to the model.",
)
@click.option(
    "--output",
    type=PATH,
    metavar="DIR",
    help="Write below DIR, not to the screen: into .eval_results/ of the model's repository, or into the folders of that database.",
)
def command(
    result: Path,
    style: str,
    dataset: str,
    source_url: str,
    model_id: str,
    organization: str,
    relationship: str | None,
    output: Path | None,
) -> None:
    """Print RESULT, a result.json or the folder of a run, in a form that other collections of results read.

    Values that the result does not contain are left out or asked for. From the folder of a run, every-eval-ever also writes a line for
    each clip of metrics that score single clips (psnr, ssim). A rehearsal is refused.
    """
    from vidbench.distributed.launcher import require_single_process
    from vidbench.errors import InputError
    from vidbench.jobs.export_result import refuse_rehearsal, write_eval_results, write_records
    from vidbench.results.comparison import load
    from vidbench.results.every_eval_ever import Evaluator, aggregate_record
    from vidbench.results.hub_results import eval_results_yaml, require_repository

    require_single_process("export-result")
    asked: dict[str, str | None] = {"--dataset OWNER/NAME": dataset}
    if style == "every-eval-ever":
        asked = {
            "--model-id DEVELOPER/NAME": model_id,
            "--organization TEXT": organization,
            "--relationship first_party|third_party|collaborative|other": relationship,
        }
    missing = [option for option, value in asked.items() if not value]
    if missing:
        raise InputError(f"The format {style} needs what a result does not contain: give {' and '.join(missing)}.")
    loaded = load(result)
    refuse_rehearsal(loaded, result)
    if style == "hf-eval-results":
        text = eval_results_yaml(loaded, require_repository(dataset, "--dataset"), source_url)
        shown = text.splitlines() if output is None else [write_eval_results(loaded, text, output)]
        for line in shown:
            echo_line(line)
        return
    evaluator = Evaluator(
        require_repository(model_id, "--model-id"), organization, relationship or "other", int(time.time())
    )
    if output is None:
        click.echo(json.dumps(aggregate_record(loaded, evaluator), indent=2))
        return
    for path in write_records(loaded, result if result.is_dir() else None, evaluator, output):
        echo_line(path)
