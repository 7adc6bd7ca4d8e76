"""The command line: `python -m tests.fuzz --help`."""

import secrets
import sys

import click

from tests.fuzz.running import run
from tests.fuzz.targets import TARGETS


@click.command()
@click.option("--examples", type=click.IntRange(min=1), default=5_000, show_default=True)
@click.option("--seed", type=int, help="The same seed tries the same inputs.")
@click.option("--only", type=click.Choice([target.name for target in TARGETS]))
def main(examples: int, seed: int | None, only: str | None) -> None:
    """Feed every parser with hostile inputs; end with 1 if one of them fails."""
    seed = secrets.randbits(32) if seed is None else seed
    click.echo(f"fuzz: {examples} inputs for each target, --seed {seed}")
    runs = [
        run(target, examples, seed) for target in TARGETS if only is None or target.name == only
    ]
    for done in runs:
        counts = ", ".join(f"{word} {count}" for word, count in done.outcomes.most_common())
        click.echo(f"{done.target:<22} {done.inputs:>7} in {done.seconds:5.1f} s: {counts}")
        if done.fault:
            click.echo(f"    FAULT {done.fault}")
    faults = sum(done.fault is not None for done in runs)
    click.echo(f"fuzz: {sum(done.inputs for done in runs)} inputs, {faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
