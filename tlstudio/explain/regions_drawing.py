"""Draws a region over a picture, a spectrogram or a text."""

import re

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tlstudio.api.regions import Canvas

ALPHA = 0.45  # of the map over the picture
CONTOUR = 0.5  # of the map's maximum
BOX = 0.2  # of the maximum: the largest part above it is framed (Zhou et al. 2016, section 3.2)
_SIDE = 480  # pixels of the longer side at least
_LEFT, _BOTTOM, _TOP = 62, 44, 8  # pixels beside the picture for its axes
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
_LINE, _EDGE, _FRAME = (255, 255, 255), (0, 0, 0), (86, 180, 233)
_WIDTH, _SIZE, _RISE, _PAD = 576, 16, 30, 14  # pixels of a text: of a line, its letters, from line to line, around
# Blue to yellow by even steps of lightness, after cividis (Nuñez et al. 2018): safe for colour-blind eyes.
_COLOURS = ((0, 32, 76), (0, 52, 110), (62, 73, 107), (95, 95, 107), (124, 123, 120), (156, 149, 118), (189, 175, 110),
            (225, 204, 85), (255, 234, 70))  # fmt: skip

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


def drawn(canvas: Canvas, heat: Floats) -> Image.Image:
    """``heat [h, w]``: the map over what the network sees, 0 and above."""
    top = float(heat.max(initial=0.0))
    shares = heat / top if top > 0 else np.zeros_like(heat)
    return _text(canvas, shares) if canvas.picture is None else _picture(canvas, shares)


def stretched(heat: Floats, width: int, height: int) -> Floats:
    """Bilinear."""
    made = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(made, np.float64)


def _picture(canvas: Canvas, shares: Floats) -> Image.Image:
    assert canvas.picture is not None
    rows, columns = canvas.picture.shape[:2]
    scale = max(1.0, _SIDE / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    base = np.asarray(Image.fromarray(canvas.picture).resize(size, Image.Resampling.BICUBIC), np.float64)
    if canvas.across or canvas.down:  # a spectrogram: its colours mean loudness, and colour here means attention
        base = np.repeat(base @ np.array(_GREY)[:, None], 3, axis=2)
    left, top, width, height = (round(scale * v) for v in canvas.view)
    view = stretched(shares, max(1, width), max(1, height))
    whole = np.full(base.shape[:2], np.nan)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(base.shape[1], left + width), min(base.shape[0], top + height)
    whole[y0:y1, x0:x1] = view[y0 - top : y1 - top, x0 - left : x1 - left]
    seen = np.isfinite(whole)
    filled = np.where(seen, whole, 0.0)
    mixed = np.where(seen[..., None], (1 - ALPHA) * base + ALPHA * coloured(filled), base)
    image = Image.fromarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    frame = box(filled)
    if frame:
        draw.rectangle(frame, outline=_FRAME, width=2)
    _contour(image, filled >= CONTOUR if filled.any() else np.zeros_like(seen))
    return _with_axes(canvas, image, scale) if canvas.across or canvas.down else image


def coloured(shares: Floats) -> Floats:
    """``[H, W]`` between 0 and 1 to colours ``[H, W, 3]``."""
    places = np.linspace(0, 1, len(_COLOURS))
    table = np.array(_COLOURS, np.float64)
    return np.stack([np.interp(shares, places, table[:, channel]) for channel in range(3)], axis=-1)


def box(shares: Floats) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of the largest connected part at or above a fifth of the maximum."""
    from scipy import ndimage

    if not shares.any():
        return None
    parts, count = ndimage.label(shares >= BOX)
    if not count:
        return None
    sizes = np.bincount(parts.reshape(-1))[1:]
    down, across = ndimage.find_objects(parts)[int(sizes.argmax())]
    return int(across.start), int(down.start), int(across.stop) - 1, int(down.stop) - 1


def _contour(image: Image.Image, inside: npt.NDArray[np.bool_]) -> None:
    """White with a dark edge, so that it is seen on anything."""
    padded = np.pad(inside, 1)
    around = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
    border = inside & ~np.logical_and.reduce(around)
    pixels = np.array(image)
    wide = np.pad(border, 1)
    halo = np.logical_or.reduce([wide[1:-1, :-2], wide[1:-1, 2:], wide[:-2, 1:-1], wide[2:, 1:-1]]) & ~border
    pixels[halo] = _EDGE
    pixels[border] = _LINE
    image.paste(Image.fromarray(pixels))


def _with_axes(canvas: Canvas, image: Image.Image, scale: float) -> Image.Image:
    left, top, width, height = (scale * v for v in canvas.view)
    page = Image.new("RGB", (image.width + _LEFT + 8, image.height + _TOP + _BOTTOM), "white")
    page.paste(image, (_LEFT, _TOP))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    bottom = _TOP + image.height
    for place, label in canvas.across:
        x = round(_LEFT + left + place * width)
        draw.line((x, bottom, x, bottom + 4), "black")
        draw.text((x, bottom + 6), label, "black", font, anchor="mt")
    for place, label in canvas.down:
        y = round(_TOP + top + place * height)
        draw.line((_LEFT - 4, y, _LEFT, y), "black")
        draw.text((_LEFT - 7, min(max(y, _TOP + 5), bottom - 5)), label, "black", font, anchor="rm")
    draw.text((_LEFT + image.width / 2, page.height - 6), canvas.across_title, "black", font, anchor="mb")
    draw.text((4, page.height - 6), canvas.down_title, "black", font, anchor="lb")
    return page


def _text(canvas: Canvas, shares: Floats) -> Image.Image:
    """Each character on its share of the map; what is at or above half of the maximum is underlined."""
    of_bytes = stretched(shares.max(axis=0)[None], max(1, canvas.length), 1)[0]
    font = ImageFont.load_default(_SIZE)
    lines = _lines(canvas.text, font)
    page = Image.new("RGB", (_WIDTH + 2 * _PAD, len(lines) * _RISE + 2 * _PAD), "white")
    draw, position = ImageDraw.Draw(page), 0
    for number, line in enumerate(lines):
        left, base = float(_PAD), _PAD + number * _RISE + _SIZE
        for character in line:
            size = len(character.encode())
            part = of_bytes[position : position + size]
            share = float(part.max(initial=0.0)) if len(part) else -1.0
            position += size
            shown = character if character.isprintable() else " "
            right = left + font.getlength(shown)
            cell = (round(left), round(right) - 1)
            if share >= 0:
                tint = 255 + ALPHA * (coloured(np.array([[share]]))[0, 0] - 255) * share
                draw.rectangle((cell[0], base - _SIZE, cell[1], base + 4), tuple(int(v) for v in tint))
            if share >= CONTOUR:
                draw.line((cell[0], base + 6, cell[1], base + 6), _EDGE, 2)
            draw.text((left, base), shown, "black" if share >= 0 else "grey", font, anchor="ls")
            left = right
    return page


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """All of the text, broken behind words, and within those that are wider than a line."""
    lines, room = [""], float(_WIDTH)
    for word in re.findall(r"\S+\s*|\s+", text):
        if lines[-1] and font.getlength(word.rstrip()) > room:
            lines.append("")
            room = float(_WIDTH)
        for character in word:
            width = font.getlength(character if character.isprintable() else " ")
            if width > room and not character.isspace():
                lines.append("")
                room = float(_WIDTH)
            lines[-1] += character
            room -= width
    return lines
