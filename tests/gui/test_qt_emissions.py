"""PySide6 6.12 on CPython 3.11 loses a reference with every emission and aborts after a few hundred."""

import subprocess
import sys

CODE = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot

class Sender(QObject):
    said = Signal(object)

class Receiver(QObject):
    count = 0

    @Slot(object)
    def on_said(self, value):
        self.count += 1

application = QCoreApplication([])
sender, receiver = Sender(), Receiver()
sender.said.connect(receiver.on_said)
before = sys.getrefcount(None), sys.getrefcount(True)
for number in range(20_000):
    sender.said.emit(number)
    sender.blockSignals(False)
after = sys.getrefcount(None), sys.getrefcount(True)
assert receiver.count == 20_000, receiver.count
assert min(a - b for a, b in zip(after, before)) > -1000, (before, after)
"""


def test_that_twenty_thousand_emissions_survive_with_the_installed_pyside():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
