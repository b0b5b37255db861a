"""``tlstudio robustness``."""

from typing import Annotated, Any

import typer

from tlstudio import jobs
from tlstudio.api.errors import UsageError
from tlstudio.cli.common import ProjectPath, RunId
from tlstudio.cli.output import Json, follow, print_json, say


def register(app: typer.Typer) -> None:
    app.command()(robustness)


def robustness(
    path: ProjectPath,
    run: RunId,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    attacks: Annotated[str, typer.Option(help="Of fgsm, pgd, apgd, apgd-dlr; 'none'.")] = "fgsm,pgd,apgd,apgd-dlr",
    eps: Annotated[str, typer.Option(help="How far each pixel may be moved, in 255ths.")] = "1,2,4,8",
    l2: Annotated[float, typer.Option(min=0.0, help="How far PGD may move a picture in L2; 0: not tried.")] = 0.5,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Of PGD and APGD; 100 is thorough.")] = 20,
    samples: Annotated[int, typer.Option(min=0, help="So many pictures, drawn by the seed; 0: all.")] = 100,
    corruptions: Annotated[bool, typer.Option(help="Six corruptions at five severities.")] = True,
    surrogate: Annotated[int, typer.Option(metavar="RUN", help="Attacks made on this run's model are tried, too.")] = 0,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    json: Json = False,
) -> int:
    """How well a run's model recognises pictures that are attacked on purpose, or corrupted as it happens."""
    try:
        epsilons = [float(part) for part in eps.split(",") if part.strip()]
    except ValueError as error:
        raise UsageError(f"--eps takes numbers such as 1,2,4,8; it was '{eps}'.") from error
    names = [] if attacks == "none" else [name.strip() for name in attacks.split(",") if name.strip()]
    arguments = {
        "project": str(path.absolute()), "run": run, "split": split, "names": names, "epsilons": epsilons,
        "steps": steps, "samples": samples, "corruptions": corruptions, "surrogate": surrogate, "seed": seed,
        "l2": l2,
    }  # fmt: skip
    done = follow(jobs.start("robustness", arguments))
    if done.status != "finished":
        return 3
    if json:
        print_json(done.result)
    else:
        _say(done.result)
    return 0


def _say(result: dict[str, Any]) -> None:
    which = f"{result['n']} of {result['of']} pictures"
    say(f"Run {result['run']}, {result['split']} split, {which}, seed {result['seed']}.")
    say(f"  as they are            {_cell(result['clean'])}")
    for name, rows in result["attacks"].items():
        for row in rows:
            say(f"  {name:8} ε = {row['eps']:4g}/255  {_cell(row)}")
    for name, rows in result["corruptions"].items():
        say(f"  {name:11} 1 to 5     " + "  ".join(f"{row['accuracy']:.3f}" for row in rows))
    for check in result["checks"]:
        say(f"  {'ok  ' if check['passed'] else 'FAIL'} {check['sentence']}")
    for sentence in result["sentences"]:
        say(sentence)


def _cell(row: dict[str, float]) -> str:
    return f"{row['accuracy']:.3f}  (95 %: {row['accuracy_low']:.3f} to {row['accuracy_high']:.3f})"
