"""What can be set for averages of runs."""

from typing import Literal

from tlstudio.api import Options, option


class ModelSoupOptions(Options):
    recipe: Literal["greedy", "uniform"] = option(
        "greedy",
        title="Recipe",
        help="greedy: from the best run on, each further one stays in if validation is not worse with it. uniform: all "
        "of them.",
    )
    batch_norm: Literal["auto", "re-estimated", "averaged"] = option(
        "auto",
        title="Statistics of batch norm",
        help="re-estimated: taken anew on training data for every average. averaged: like the weights. auto: "
        "re-estimated, unless they are the same in all runs.",
        level="all",
    )
