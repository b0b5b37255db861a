"""Methods with a frozen backbone, declared without importing torch. (What feature extraction can do more are options
of it: ``head=knn``, ``levels``, ``views``.)
"""

from tlstudio.api import MethodDescriptor

CARDS: list[MethodDescriptor] = []
