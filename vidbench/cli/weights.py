"""`vidbench weights list`, `fetch`, `import`, `verify` and `where`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vidbench.cli import options
from vidbench.cli.groups import Group
from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line
from vidbench.progress import Progress


@click.group("weights", cls=Group)
def command() -> None:
    """Download the published network weights, and verify them tensor by tensor."""


@command.command("list")
@options.as_json
def weights_list(as_json: bool) -> None:
    """Print each source of each network's weights: size, licence, origin."""
    from vidbench.jobs.weights import describe_sources, megabytes

    rows = describe_sources()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["network"]) for row in rows)
    for row in rows:
        here = "here  " if row["here"] else "absent"
        size = megabytes([file["bytes"] for file in row["files"]])
        echo_line(f"{row['network']:<{width}}  {row['source']:<11}  {here}  {size:>9}  {row['licence']}")
        echo_line(f"{'':<{width}}  {row['origin']}")


@command.command("fetch")
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK...")
@click.option("--via", metavar="SOURCE", help="Source to use, e.g. tfhub; default: the first one in `weights list`.")
@click.option("--offline", is_flag=True, help="Make no network requests: import files that were already downloaded.")
def weights_fetch(networks: tuple[str, ...], via: str | None, offline: bool) -> None:
    """Download, verify and import the published weights of NETWORK, and print their path.

    If a download is interrupted, the same command resumes it.
    """
    from vidbench.jobs import weights

    for network in networks:
        echo_line(weights.fetch_weights(network, via, offline, Progress()))


@command.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=PATH)
@click.option(
    "--network",
    metavar="NETWORK",
    help="Refuse weights of any other network; default: recognised by names and shapes of tensors.",
)
def weights_import(paths: tuple[Path, ...], network: str | None) -> None:
    """Import weights from a local file, and print the path of the imported ones.

    PATH is a TF-Hub module folder, a TensorFlow checkpoint (its prefix or its .index), i3d_pretrained_400.pt,
    pt_inception-2015-12-05-6726825d.pth, .npz or .safetensors; several PATHs are parts of one set of weights.
    """
    from vidmetrics.weights.importing import import_weights

    name, path = import_weights(paths, network)
    echo_line(path)
    Progress().say(
        f"imported {name}; run `vidbench weights verify {name}` to check that these are the published weights"
    )


@command.command("verify")
@click.argument("targets", nargs=-1, metavar="[NETWORK|PATH]...")
@options.as_json
@click.pass_context
def weights_verify(ctx: click.Context, targets: tuple[str, ...], as_json: bool) -> None:
    """Check that weights are the published ones; exit 1 if any are not.

    Without arguments every network is checked, and missing weights are not an error.
    """
    from vidbench.jobs.weights import verify

    verdicts = verify(targets)
    if as_json:
        click.echo(json.dumps([verdict.as_json() for verdict in verdicts], indent=2))
    else:
        width = max(len(verdict.name) for verdict in verdicts)
        for verdict in verdicts:
            echo_line(f"{verdict.name:<{width}}  {verdict.verdict}")
    if any(not verdict.ok and (targets or verdict.state != "absent") for verdict in verdicts):
        ctx.exit(1)


@command.command("where")
@click.argument("networks", nargs=-1, metavar="[NETWORK]...")
@options.as_json
def weights_where(networks: tuple[str, ...], as_json: bool) -> None:
    """Print the path of the weights of NETWORK, or of all networks."""
    from vidbench.jobs.weights import all_networks, weights_path

    paths = {network: weights_path(network) for network in networks or all_networks()}
    if as_json:
        rows = [{"network": name, "path": str(path), "here": path.is_file()} for name, path in paths.items()]
        click.echo(json.dumps(rows, indent=2))
    elif len(networks) == 1:
        echo_line(next(iter(paths.values())))
    else:
        width = max(map(len, paths))
        for name, path in paths.items():
            echo_line(f"{name:<{width}}  {'here  ' if path.is_file() else 'absent'}  {path}")
