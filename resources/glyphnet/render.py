"""A bank of printed characters: every usable font face under some folders, drawn once at 48 × 48 pixels.

The bank holds for each character its drawing and, for the augmentation's pen strokes, the distance of each
pixel from the character's skeleton. Nothing of the fonts is kept in the tree; only the weights are.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt

SIDE = 48  # pixels a side of a drawing in the bank
BOX = 40  # pixels of the square into which a character's bounding box is fitted
DISTANCE_SCALE = 16  # the bank's skeleton distances count sixteenths of a pixel, at most 255

# Characters of one class share a shape once they fill the same box. The digits come first: classes 0..9.
DIGITS = ["0Oo", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
LATIN = ["Il|", "A", "a", "B", "b", "Cc", "D", "d", "E", "e", "F", "f", "G", "g", "H", "h", "i", "J", "j"]
LATIN += ["Kk", "L", "M", "m", "N", "n", "Pp", "Q", "q", "R", "r", "Ss", "T", "t", "Uu", "Vv", "Ww", "Xx"]
LATIN += ["Yy", "Zz"]
OTHERS = list("αβγδεζηθλμξπσφψωΓΔΘΛΞΠΣΦΨΩбгджзийлпцчшщыэюяБДЖЗИЛЦЧШЩЭЮЯ&@%?!$#+=")
OTHERS += list("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん")
CLASSES = DIGITS + LATIN + OTHERS

SUFFIXES = {".ttf", ".otf", ".ttc"}
FACES_PER_GROUP = 10
NOT_LETTERS = re.compile(r"symbol|dingbat|icon|emoji|braille|barcode|math|music|ornament|keycaps|pict", re.I)

LEGIBLE = 0.4

# Faces drawn to look like writing weigh more in training; a quarter of these designs is held out.
SCRIPT_LIKE = re.compile(
    r"script|handwrit|hand\b|breip|bwht|dkg|femke|humor|kiloji|seto|yozvox|klee|kristi|comic|chilanka|karumbi"
    r"|purisa|dancing|lobster|kaushan|leckerli|rufscript|tomson|kouzan|soseki|ecolier|sjfonts|nanumbarunpen|nanumpen"
    r"|nanumbrush|brush|yusei|navilu|joscelyn|engadget|scrawl|staypuft|isabella|unpen|cherrybomb|woowa|fonts-alee"
    r"|fonts-ldco|havana|dustin|georgewilliams|gfs-gazis|gfs-solomos|z003|uroob|opendyslexic|levien-typo|marker|bajaderka"
    r"|handmedown|stick|reggae|rocknroll|linex|smiley|cabinsketch|rough day|gesture|whatever|elsewhere|rambling",
    re.I,
)


@dataclass
class Face:
    path: str
    family: str
    style: str
    package: str = ""
    held_out: bool = False


@dataclass
class Bank:
    """Drawings and skeleton distances [n, SIDE, SIDE] uint8, class [n], face [n] (an index into faces)."""

    ink: np.ndarray
    distance: np.ndarray
    label: np.ndarray
    face: np.ndarray
    faces: list[Face] = field(default_factory=list)


def find_faces(folders: list[Path]) -> list[Face]:
    """Faces under the folders, without doubles and with at most FACES_PER_GROUP of a design."""
    groups: dict[str, dict[tuple[str, str], Face]] = defaultdict(dict)
    files = {p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES}
    for path in sorted(files):
        try:
            family, style = ImageFont.truetype(str(path), 20).getname()
        except OSError:
            continue
        if NOT_LETTERS.search(f"{family} {path.name}"):
            continue
        face = Face(str(path), str(family), str(style))
        groups[group(face)].setdefault((face.family, face.style), face)
    faces = []
    for name in sorted(groups):
        styles = [groups[name][key] for key in sorted(groups[name])]
        keep = np.linspace(0, len(styles) - 1, min(len(styles), FACES_PER_GROUP)).round().astype(int)
        faces += [styles[i] for i in keep]
    return faces


def install_line() -> str:
    """The command that installs the packages of packages.txt on Debian."""
    names = Path(__file__).with_name("packages.txt").read_text(encoding="utf-8").split()
    return "apt-get install --no-install-recommends " + " ".join(names)


def packages(faces: list[Face]) -> None:
    """Writes into each face the Debian package that its file comes from, where the system knows one."""
    try:
        patterns = sorted({re.sub(r"[][*?]", "?", face.path) for face in faces})
        found = subprocess.run(["dpkg", "-S", *patterns], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return
    owner = {line.split(": ", 1)[1]: line.split(":", 1)[0] for line in found.stdout.splitlines() if ": " in line}
    for face in faces:
        face.package = owner.get(face.path, "")


def draw(font: ImageFont.FreeTypeFont, character: str) -> np.ndarray | None:
    """The character's bounding box fitted into BOX × BOX in the middle of SIDE × SIDE, or None if it is empty."""
    left, top, right, bottom = font.getbbox(character)
    if right - left < 2 or bottom - top < 4 or max(right - left, bottom - top) > 1000:
        return None
    page = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(page).text((2 - left, 2 - top), character, fill=255, font=font)
    box = page.getbbox()
    if box is None:
        return None
    page = page.crop(box)
    factor = BOX / max(page.size)
    size = (max(1, round(page.width * factor)), max(1, round(page.height * factor)))
    result = Image.new("L", (SIDE, SIDE))
    result.paste(page.resize(size, Image.Resampling.BOX), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    array = np.asarray(result)
    return array if 20 < (array > 127).sum() < 0.9 * BOX * BOX else None


def draw_face(face: Face) -> list[tuple[int, np.ndarray]]:
    """(class, drawing) of each character that the face has; doubles under two classes are dropped."""
    try:
        font = ImageFont.truetype(face.path, 96)
        missing = {draw_bytes(font, code) for code in ("\U0010fffd", "\u0378", "\ue0ff")}
        drawings: list[tuple[int, np.ndarray]] = []
        seen: dict[bytes, int] = {}
        for label, characters in enumerate(CLASSES):
            for character in characters:
                image = draw(font, character)
                if image is None or (key := image.tobytes()) in missing or key in seen:
                    continue
                seen[key] = label
                drawings.append((label, image))
    except (OSError, ValueError):
        return []
    return drawings if sum(label < 10 for label, _ in drawings) >= 8 else []


def draw_bytes(font: ImageFont.FreeTypeFont, character: str) -> bytes:
    image = draw(font, character)
    return b"" if image is None else image.tobytes()


def skeleton(ink: np.ndarray) -> np.ndarray:
    """Zhang-Suen thinning of a stack of drawings at once: [n, H, W] bool -> [n, H, W] bool."""
    image = np.pad(ink, ((0, 0), (1, 1), (1, 1))).astype(np.uint8)
    for _ in range(SIDE // 2):
        before = int(image.sum())
        for step in (0, 1):
            p2, p3, p4 = image[:, :-2, 1:-1], image[:, :-2, 2:], image[:, 1:-1, 2:]
            p5, p6, p7 = image[:, 2:, 2:], image[:, 2:, 1:-1], image[:, 2:, :-2]
            p8, p9 = image[:, 1:-1, :-2], image[:, :-2, :-2]
            ring = [p2, p3, p4, p5, p6, p7, p8, p9, p2]
            count = p2 + p3 + p4 + p5 + p6 + p7 + p8 + p9
            changes = sum((a < b).astype(np.uint8) for a, b in pairwise(ring))
            first, second = (p4 & p6 & (p2 | p8), 0) if step == 0 else (p2 & p8 & (p4 | p6), 0)
            drop = (count >= 2) & (count <= 6) & (changes == 1) & (first == second)
            image[:, 1:-1, 1:-1][drop] = 0
        if int(image.sum()) == before:
            break
    return image[:, 1:-1, 1:-1].astype(bool)


def distances(ink: np.ndarray) -> np.ndarray:
    """Each pixel's distance from the drawing's skeleton, DISTANCE_SCALE a pixel: [n, H, W] uint8 -> same."""
    result = np.empty_like(ink)
    for i, thin in enumerate(skeleton(ink > 110)):
        away = distance_transform_edt(~thin) if thin.any() else np.full(thin.shape, SIDE)
        result[i] = np.minimum(away * DISTANCE_SCALE, 255)
    return result


def legible(bank: Bank) -> np.ndarray:
    """Which faces draw digits and Latin letters recognisably: bool [faces].

    The nearest neighbour among the one half of the families, on 12 × 12 pixels, reads the other half; a face of
    which it reads less than LEGIBLE (pictures, patterns, secret scripts) is left out.
    """
    n = len(bank.label)
    small = bank.ink.reshape(n, 12, 4, 12, 4).mean((2, 4)).reshape(n, 144).astype(np.float32)
    small /= np.linalg.norm(small, axis=1, keepdims=True) + 1e-6
    latin = bank.label < len(DIGITS) + len(LATIN)
    names = {name: i for i, name in enumerate(sorted({group(face) for face in bank.faces}))}
    half = np.array([names[group(face)] % 2 for face in bank.faces])[bank.face]
    right = np.zeros(n, bool)
    for side in (0, 1):
        known, asked = np.flatnonzero(latin & (half == side)), np.flatnonzero(latin & (half != side))
        for part in np.array_split(asked, max(1, len(asked) // 2000)):
            nearest = known[(small[part] @ small[known].T).argmax(1)]
            right[part] = bank.label[part] == bank.label[nearest]
    hits = np.bincount(bank.face[latin], right[latin], len(bank.faces))
    return hits / np.maximum(np.bincount(bank.face[latin], minlength=len(bank.faces)), 1) >= LEGIBLE


def group(face: Face) -> str:
    """Faces of one design share a group: the folder's name and the family's first three letters."""
    return f"{Path(face.path).parent.name}/{re.sub('[^a-z0-9]', '', face.family.lower())[:3]}"


def render(folders: list[Path], workers: int = 2) -> Bank:
    """The bank of all legible faces under the folders; the same fonts give the same bank."""
    faces = find_faces(folders)
    if not faces:
        raise FileNotFoundError(f"no fonts under {', '.join(map(str, folders))}; on Debian: {install_line()}")
    with get_context("spawn").Pool(workers) as pool:
        drawn = pool.map(draw_face, faces, chunksize=16)
        faces = [face for face, glyphs in zip(faces, drawn, strict=True) if glyphs]
        drawn = [glyphs for glyphs in drawn if glyphs]
        ink = np.stack([image for glyphs in drawn for _, image in glyphs])
        label = np.array([k for glyphs in drawn for k, _ in glyphs])
        face = np.repeat(np.arange(len(faces)), [len(glyphs) for glyphs in drawn])
        bank = Bank(ink, ink, label, face, faces)
        keep = legible(bank)[face]
        names, face = np.unique(face[keep], return_inverse=True)
        ink, label = ink[keep], label[keep]
        distance = np.concatenate(pool.map(distances, np.array_split(ink, max(1, len(ink) // 2000))))
    return Bank(ink, distance, label, face, [faces[i] for i in names])


def script_like(face: Face) -> bool:
    return bool(SCRIPT_LIKE.search(f"{face.family} {Path(face.path).name} {face.package}"))


def hold_out(faces: list[Face]) -> None:
    """Marks every fourth script-like design and every twelfth other design as held out from training."""
    groups: dict[str, list[Face]] = defaultdict(list)
    for face in faces:
        groups[group(face)].append(face)
    for like, every in ((True, 4), (False, 12)):
        for name in sorted(name for name, members in groups.items() if script_like(members[0]) == like)[1::every]:
            for face in groups[name]:
                face.held_out = True
