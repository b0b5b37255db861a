"""How a metric's values are written, and which way is up."""

import dataclasses

from tlstudio.registry import Registry

_LOWER = ("loss", "mae", "rmse", "error")


@dataclasses.dataclass(frozen=True)
class Shown:
    """``share``: between 0 and 1, written in percent, and differences in points."""

    id: str
    title: str
    higher_is_better: bool
    share: bool

    @classmethod
    def of(cls, registry: Registry, metric: str) -> "Shown":
        found = next((descriptor for descriptor in registry.metrics() if descriptor.id == metric), None)
        if found is None:
            return cls(metric, metric.replace("_", " "), not any(word in metric for word in _LOWER), False)
        return cls(metric, found.title, found.higher_is_better, found.bounds == (0.0, 1.0))

    @property
    def word(self) -> str:
        """Within a sentence: ``accuracy``, ``macro F1``, ``RMSE``."""
        first = self.title.partition(" ")[0]
        return self.title[:1].lower() + self.title[1:] if any(c.islower() for c in first) else self.title

    def value(self, value: float | None) -> str:
        """``62.5 %`` or ``4.21``; a dash where there is none."""
        if value is None or value != value:
            return "–"
        return f"{value * 100:.1f} %" if self.share else f"{value:.3g}"

    def spread(self, value: float | None) -> str:
        if value is None:
            return ""
        return f"± {value * 100:.1f}" if self.share else f"± {value:.2g}"

    def interval(self, low: float, high: float) -> str:
        return f"{low * 100:.1f} – {high * 100:.1f}" if self.share else f"{low:.3g} – {high:.3g}"

    def difference(self, value: float) -> str:
        """``1.6 points``, or in the metric's own unit."""
        return f"{value * 100:.1f} points" if self.share else f"{value:.3g}"
