"""A script that begins an import without a guard: its helpers read it again, and die before they do anything."""

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tlstudio.data import pool

SCRIPT = """
import sys
from pathlib import Path

from tlstudio.data import pool
from tlstudio.data.inspecting import Sample

files = [Sample(number, str(path), path.name) for number, path in enumerate(sorted(Path(sys.argv[1]).iterdir()))]
said = []
for chunk in pool.check_in_processes("tlstudio_builtins.modalities.image:Image", files, lambda: None, said.append):
    for number, seen in chunk:
        print(number, seen.width, seen.reason)
print(*said, sep="|")
"""


def test_that_an_import_of_an_unguarded_script_goes_on_in_its_own_process(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(40):
        Image.new("RGB", (8 + number, 8), (6 * number, 90, 120)).save(pictures / f"{number:02}.png")
    (pictures / "99.png").write_bytes(b"no picture")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, str(script), str(pictures)], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    *lines, said = done.stdout.splitlines()
    rows = {int(number): rest for number, rest in (line.split(" ", 1) for line in lines)}
    assert len(lines) == len(rows) == 41
    assert [rows[number] for number in range(40)] == [f"{8 + number} " for number in range(40)]
    assert "crashed" not in rows[40]
    assert said == pool.NO_HELPERS
    assert done.stderr.count("began one of its own") <= 2 * pool.helpers() + 2
