"""Makes sure that weights are on this machine before they are used."""

from collections.abc import Generator

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import WeightsError
from tlstudio.api.events import Event, Message
from tlstudio.control import Control
from tlstudio.weights import places
from tlstudio.weights.resolving import ResolvedWeights, resolve


def ensure(
    descriptor: BackboneDescriptor, resolved: ResolvedWeights, control: Control
) -> Generator[Event, None, ResolvedWeights]:
    """Downloads ``resolved`` where it is not here yet; otherwise answers at once. Returns it with its path.

    Raises ``WeightsError`` where it cannot be had, saying which file to put where; ``StoppedByUser``.
    """
    if resolved.cached:
        return resolved
    weights = next(entry for entry in descriptor.weights if entry.id == resolved.id)
    if not weights.url:
        raise WeightsError(
            f"The weights {weights.id} of {descriptor.id} should have come with the application, but "
            f"{weights.resource} is missing or damaged; install the application again."
        )
    found = resolve(descriptor, resolved.id)  # a file may have been put there meanwhile
    if found.cached:
        return found
    from tlstudio.weights.download import download  # network modules only where they are needed

    yield from download(weights, control)
    yield Message(text=f"{places.file_name(weights)} is complete and its checksum is right.")
    return resolve(descriptor, resolved.id)
