"""Measure a table or figure of the paper again, on any benchmark in the layout of DAVIS.

for example:
  napari-frtm reproduce table1 DAVIS --split 2016/val --out OUT --base-net base/best.safetensors
  napari-frtm reproduce figure9 DAVIS --split 2017/val --out OUT --preset accurate
  napari-frtm reproduce table4 DAVIS --out OUT --recipe recipes/paper.toml --data DATA

table1: the variants; table4: the share of the training data (three trainings by a recipe);
table5: where the time of a frame goes; table6 and figure7: first samples |M0|, their J and their
time; figure8: size K_max of the memory and time; figure9: update rate eta and interval t_s.

OUT/NAME gets NAME.md and NAME.csv, with the paper's numbers beside the measured ones, NAME.svg
where there is something to draw, and all masks. Every finished sequence is kept: what was stopped
or killed goes on with the same command, and only what is missing is done.

Weights of Base net: napari-frtm train RECIPE ... with base_net = true in the recipe. Objects may
leap in these runs, and masks are as S refines them, as in the paper (leap = None, outlines =
False), whatever the preset says.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_frtm.cli.method import add_method_arguments, load, method_settings
from napari_frtm.cli.output.progress import Interrupted
from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.charts import to_svg
from napari_frtm.evaluation.reproduce.experiments import (
    BASE_NET,
    FRTM,
    SHARES,
    Experiment,
    settings,
)
from napari_frtm.evaluation.reproduce.tables import charts, tabulate
from napari_frtm.evaluation.rules import Rules
from napari_frtm.io.atomic import reporting, write_bytes
from napari_frtm.io.weights.library import file_digest, own_weights

if TYPE_CHECKING:
    import argparse

    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.evaluation.reproduce.experiments import Setting
    from napari_frtm.evaluation.reproduce.runs import Bench, Identity, Measured
    from napari_frtm.session.run.request import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add("name", choices=[*map(str, Experiment)], metavar="NAME", help="table1, figure9, ...")
    add("root", type=Path, help="folder with JPEGImages and Annotations")
    add("--split", metavar="NAME", help="list of sequences: a file, or a name below ImageSets")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for all results")
    add("--rules", choices=[*map(str, Rules)], help="of the benchmark (see 'evaluate --help')")
    add("--base-net", type=Path, metavar="FILE", help="weights of Base net, for table1")
    training = parser.add_argument_group("table4")
    training.add_argument("--recipe", type=Path, help="of its trainings")
    training.add_argument("--data", type=Path, help="folder with the recipe's data sets")
    training.add_argument("--minutes", type=float, help="time budget of each training")
    add_method_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    try:
        _reproduce(options)
    except KeyboardInterrupt:
        raise Interrupted("Stopped. The same command goes on.") from None


def _reproduce(options: argparse.Namespace) -> None:
    if options.variant is not None:
        raise FrtmError("The experiment chooses the variants: leave out --variant.")
    experiment = Experiment(options.name)
    out = options.out / options.name
    with reporting(out):
        out.mkdir(parents=True, exist_ok=True)
    asked = method_settings(options)
    weights: dict[str, Path | None] = {BASE_NET: options.base_net, FRTM: asked.checkpoint}
    if experiment is Experiment.TABLE_4:
        weights |= _trained(options, asked, out)
    every = settings(experiment, asked.config)
    chosen = [s for s in every if s.weights != BASE_NET or options.base_net is not None]
    if len(chosen) < len(every):
        print("Base net is left out: give its weights with --base-net FILE.", file=sys.stderr)
    results = _measure(_bench(options, asked, weights, out), chosen)
    table = tabulate(experiment, every, results)
    write_bytes(out / f"{options.name}.md", table.as_markdown().encode())
    write_bytes(out / f"{options.name}.csv", table.as_csv().encode())
    if drawn := charts(experiment, every, results):
        write_bytes(out / f"{options.name}.svg", to_svg(drawn).encode())
    print(table.as_markdown(), end="")
    print(f"\nWritten to {out}")


def _bench(
    options: argparse.Namespace, asked: Settings, weights: dict[str, Path | None], out: Path
) -> Bench:
    from napari_frtm.evaluation.davis import find_sequences
    from napari_frtm.evaluation.reproduce.runs import Bench

    rules = None if options.rules is None else Rules(options.rules)
    sequences = find_sequences(options.root, options.split, rules=rules)

    def network(setting: Setting) -> FrtmNetwork:
        one = replace(
            asked, config=setting.config, exact_variant=True, checkpoint=weights[setting.weights]
        )
        return load(one)[1]

    def identify(setting: Setting) -> Identity:
        own = weights[setting.weights] or own_weights(asked.config)
        files = (own, asked.backbone_weights)
        return {
            "weights": [None if path is None else file_digest(path) for path in files],
            "device": asked.device,
            "rules": str(sequences[0].rules),
        }

    return Bench(Experiment(options.name), sequences, out, network, identify)


def _measure(bench: Bench, chosen: list[Setting]) -> dict[str, dict[str, Measured]]:
    from napari_frtm.evaluation.reproduce.runs import measure

    runs = measure(bench, chosen)
    with tqdm(total=len(chosen) * len(bench.sequences), unit="run", file=sys.stderr) as bar:
        while True:
            try:
                done = next(runs)
            except StopIteration as end:
                results: dict[str, dict[str, Measured]] = end.value
                return results
            bar.set_postfix_str(f"{done.setting}, {done.sequence}", refresh=False)
            bar.update(done.number - bar.n)


def _trained(options: argparse.Namespace, asked: Settings, out: Path) -> dict[str, Path | None]:
    """Train on each share of the data, or go on with it; return the weights."""
    from napari_frtm.io.weights.checkpoint import resolve_device
    from napari_frtm.training.loop import BEST, Training, train
    from napari_frtm.training.recipe import read_recipe
    from napari_frtm.training.share import with_share

    if options.recipe is None or options.data is None:
        raise FrtmError("table4 trains three networks: give --recipe FILE and --data DIR.")
    recipe = read_recipe(options.recipe)
    if recipe.preset != asked.preset:
        raise FrtmError(
            f"The recipe trains the preset '{recipe.preset}', not '{asked.preset}': add "
            f"--preset {recipe.preset}, or change the recipe."
        )
    weights: dict[str, Path | None] = {}
    for name, share in SHARES.items():
        training = Training(
            config=with_share(recipe, options.data, share),
            data=options.data,
            out=out / f"training-{round(100 * share)}",
            targets=out / "targets",
            minutes=options.minutes,
            resume=True,
            device=resolve_device(asked.device),
        )
        for _ in tqdm(train(training), desc=f"training on {name}", file=sys.stderr):
            pass
        weights[name] = training.out / BEST
    return weights
