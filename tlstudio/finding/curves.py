"""What a curve of measurements says: the rate in the valley of the loss, the batch beyond which speed gains nothing."""

import math
import statistics
from collections.abc import Sequence

SMOOTHING = 0.9  # of the loss, with the bias at the beginning taken out: about ten steps, a factor of five in rate
SETTLING = 10  # steps at the beginning whose average is still that of a few batches
_LEAST = 10  # points of a valley that is one
_SIGMAS = 5  # of the smoothed loss's noise, which its highest and lowest values lie apart without any fall
_FLAT = 0.05  # of the fall of a valley, before which it has not begun
_HARM = 1.25  # times its best, that the loss may be at a rate that does no harm
_CAUTION = 3  # how far below the highest rate that does no harm one should stay
_GAIN = 1.05  # in samples a second, that makes a larger batch worth while


def smoothed(losses: Sequence[float], beta: float = SMOOTHING) -> list[float]:
    """Exponential moving average, divided by the weight that it has seen so far."""
    average, found = 0.0, []
    for number, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        found.append(average / (1 - beta**number))
    return found


def rates(low: float, high: float, count: int) -> list[float]:
    """Evenly spaced in the logarithm, both ends among them."""
    return [low * (high / low) ** (k / max(1, count - 1)) for k in range(count)]


def valley(losses: Sequence[float], smooth: Sequence[float]) -> int | None:
    """The place of the rate to take: the middle of the longest stretch in which the smoothed loss falls, places where
    it does not fall left out, and its flat beginning, in which less than a twentieth of the fall has happened.

    ``None`` where it falls in fewer than ten places, or by less than the noise of the first ``losses`` explains. After
    the rule 'valley' of fastai's finder: neither the steepest place nor the lowest.
    """
    length, before = [1] * len(smooth), [-1] * len(smooth)
    for end in range(len(smooth)):
        for start in range(end):
            if smooth[end] < smooth[start] and length[start] + 1 > length[end]:
                length[end], before[end] = length[start] + 1, start
    if not smooth or max(length) < _LEAST:
        return None
    places = [length.index(max(length))]
    while before[places[-1]] >= 0:
        places.append(before[places[-1]])
    places.reverse()
    top, fall = smooth[places[0]], smooth[places[0]] - smooth[places[-1]]
    noise = statistics.pstdev(losses[: 2 * SETTLING])
    if fall < _SIGMAS * noise * math.sqrt((1 - SMOOTHING) / (1 + SMOOTHING)):
        return None
    first = next(place for place in places if top - smooth[place] >= _FLAT * fall)
    return (first + places[-1]) // 2


def suggestion(tried: Sequence[float], losses: Sequence[float], smooth: Sequence[float]) -> tuple[float | None, str]:
    """A rate, and the rule that gave it: ``valley``, or where the loss never falls (a head that was fitted before, as
    in LP-FT, leaves it little to fall) ``edge``: a third of the highest rate that does no harm yet. The first ten
    steps do not count. ``None`` and ``""`` where every rate does harm.
    """
    settled = list(smooth[SETTLING:])
    place = valley(losses[SETTLING:], settled)
    if place is not None:
        return tried[SETTLING + place], "valley"
    best = min(settled, default=math.inf)
    harmless = [rate for rate, loss in zip(tried[SETTLING:], settled, strict=False) if loss <= _HARM * best]
    return (harmless[-1] / _CAUTION, "edge") if harmless else (None, "")


def diverges(smooth: Sequence[float], times: float = 4.0) -> bool:
    """Whether the smoothed loss has grown to so many times its best, the first ten steps left out."""
    return len(smooth) > SETTLING and smooth[-1] > times * min(smooth[SETTLING:])


def best_batch(speeds: Sequence[float]) -> tuple[int, bool]:
    """Of speeds at doubling sizes: the place of the size to take, and whether larger ones are no use to try.

    A size must bring 5 % over the best so far; two in a row that do not are the end.
    """
    best = 0
    for place, speed in enumerate(speeds):
        if speed >= _GAIN * speeds[best]:
            best = place
    return best, len(speeds) - 1 - best >= 2
