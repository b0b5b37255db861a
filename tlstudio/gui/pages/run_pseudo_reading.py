"""What a run has labelled by itself, as the window shows it. Called in threads; no Qt here."""

import dataclasses

from tlstudio import pseudo_labels
from tlstudio.gui.pages.results_items import Shot
from tlstudio.project import DatasetInfo, Item, Project
from tlstudio.pseudo_labels import Round

STRUCK = "struck out"


@dataclasses.dataclass(frozen=True)
class Proposal:
    """``shots`` by class, the surest first; ``samples``: the items, each with its data set, by id."""

    run_id: int
    found: Round
    shots: dict[str, list[Shot]]
    samples: dict[int, tuple[DatasetInfo, Item]]

    @property
    def modality(self) -> str:
        return next((info.modality for info, _ in self.samples.values()), "image")

    @property
    def count(self) -> int:
        return sum(map(len, self.shots.values()))


def read_waiting(project: Project, run_id: int) -> Proposal | None:
    """The round that a run waits with. Raises ``StudioError``."""
    found = pseudo_labels.waiting(project.run_dir(run_id))
    return _proposal(project, run_id, found) if found is not None else None


def read_all(project: Project, run_id: int) -> list[Proposal]:
    """Every round, what was struck out of it included. Where a sample has a label that the run did not see, it is
    told whether that is the same. Raises ``StudioError``.
    """
    return [_compared(_proposal(project, run_id, one)) for one in pseudo_labels.rounds(project.run_dir(run_id))]


def _compared(proposal: Proposal) -> Proposal:
    found = proposal.found
    shots: dict[str, list[Shot]] = {}
    for label, mine in proposal.shots.items():
        shots[label] = []
        for shot in mine:
            hidden = proposal.samples[shot.item_id][1].label
            truth = hidden if hidden in found.classes else ""
            said = STRUCK if found.vetoed and shot.item_id in found.vetoed else shot.sure
            shots[label].append(dataclasses.replace(shot, truth=truth, right=truth in ("", label), sure=said))
    return dataclasses.replace(proposal, shots=shots)


def _proposal(project: Project, run_id: int, found: Round) -> Proposal:
    samples = pseudo_labels.samples_of(project, run_id, [one.item for one in found.accepted])
    shots: dict[str, list[Shot]] = {}
    for label, entries in found.by_class().items():
        shots[label] = [_shot(*samples[one.item], label, one.confidence) for one in entries if one.item in samples]
    return Proposal(run_id, found, shots, samples)


def _shot(info: DatasetInfo, item: Item, label: str, confidence: float) -> Shot:
    return Shot(
        item_id=item.id,
        path=item.place(info.root),
        sha256=item.sha256,
        truth="",
        predicted=label,
        probability=confidence,
        sure=percent(confidence),
        text=item.caption if info.modality == "text" else "",
    )


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def struck(shot: Shot) -> Shot:
    """The same, struck out; or taken back, where it was."""
    back = not shot.right
    return dataclasses.replace(shot, right=back, sure=percent(shot.probability) if back else STRUCK)
