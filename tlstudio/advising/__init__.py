"""What to begin with, from what is known of the data, the labels and the machine; with the reasons. No torch here."""

from tlstudio.advising.advice import Advice, Alternative
from tlstudio.advising.advisor import GOALS, advise

__all__ = ["GOALS", "Advice", "Alternative", "advise"]
