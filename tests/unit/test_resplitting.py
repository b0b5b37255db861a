"""Splitting anew keeps together what the doctor has found to be one picture."""

import shutil
from pathlib import Path

from tlstudio.data.resplitting import resplit
from tlstudio.project import ItemFilter, Project


def test_that_near_duplicates_that_the_doctor_has_found_stay_together(shades: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shades, tmp_path / "made")
    with Project.open(folder / "p.tlproj") as project:
        ids = project.view("shades", ItemFilter()).ids()
        pairs = [[ids[number], ids[number + 1]] for number in range(0, 10, 2)]
        project.save_report("shades", {"dataset": "shades", "findings": [], "pairs": pairs})
        for seed in range(5):
            resplit(project, "shades", splits="0.5,0.25,0.25", seed=seed)
            splits = {item.id: item.split for item in project.items_of("shades", ids)}
            assert all(splits[one] == splits[other] for one, other in pairs)
        resplit(project, "shades", splits="0.5,0.25,0.25", seed=1, near=False)
        assert project.dataset("shades").revision == 7
