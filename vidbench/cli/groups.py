"""Groups of commands: help for a bare one, uncut help lines, and a suggestion for an unknown command."""

from __future__ import annotations

import click

from vidmetrics.errors import unknown_name


class Group(click.Group):
    """A group whose bare name prints its help and exits with 0, as a question and not a mistake."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help if nothing is given."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return a command of the group.

        Raises:
            click.UsageError: there is none of that name; suggests the nearest one.
        """
        if cmd_name not in self.list_commands(ctx):
            # The names of the groups without the program's.
            kind = " ".join([*ctx.command_path.split()[1:], "command"])
            raise click.UsageError(unknown_name(kind, cmd_name, self.list_commands(ctx)), ctx)
        return self.load_command(ctx, cmd_name)

    def load_command(self, ctx: click.Context, name: str) -> click.Command:
        """Return a command that exists."""
        return self.commands[name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first paragraph of each command in full; click cuts it to the width of the page."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary(ctx, name)) for name in self.list_commands(ctx)])

    def summary(self, ctx: click.Context, name: str) -> str:
        """Return what a command does, without a line break."""
        return " ".join((self.get_command(ctx, name).help or "").split("\n\n")[0].split())
