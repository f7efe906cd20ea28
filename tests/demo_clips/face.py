"""A face drawn from a dozen figures."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIZE = 224
"""Width and height of a picture in pixels; drawn at twice that and scaled down, so that edges are smooth."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What the muscles do; 0 is rest, and 1 about as far as a face goes.

    Attributes:
        smile: corners of the mouth up, or down below 0.
        gape: how far the mouth is open.
        stretch: width of the mouth.
        brow_raise: brows up, or down below 0.
        brow_worry: inner ends of the brows up as in sorrow, or down below 0 as in rage.
        eyes_wide: lids apart, or together below 0.
        wrinkle: nose wrinkled, upper lip raised.
        nod: head down, or up below 0.
        tilt: head to the side.
        shake: how much the head moves.
    """

    smile: float = 0.0
    gape: float = 0.0
    stretch: float = 0.0
    brow_raise: float = 0.0
    brow_worry: float = 0.0
    eyes_wide: float = 0.0
    wrinkle: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0
    shake: float = 0.0

    def towards(self, other: "Expression", share: float) -> "Expression":
        """The expression on the way to another: itself at 0, the other at 1."""
        names = [field.name for field in fields(self)]
        return Expression(**{name: (1 - share) * getattr(self, name) + share * getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is drawn."""

    skin: Colour
    hair: Colour
    shirt: Colour
    wall: Colour
    long_hair: bool


def draw_face(person: Person, expression: Expression, *, speaking: float, blink: float) -> NDArray[np.uint8]:
    """One picture, uint8 of shape (SIZE, SIZE, 3).

    Args:
        person: whose face.
        expression: what it does.
        speaking: how far the voice opens the mouth just now, 0 to 1.
        blink: how far the lids are closed just now, 0 to 1.
    """
    canvas = Image.new("RGB", (2 * SIZE, 2 * SIZE), person.wall)
    pen = ImageDraw.Draw(canvas)
    _draw_body(pen, person)
    head = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    _draw_head(ImageDraw.Draw(head), person, expression, speaking, blink)
    turned = head.rotate(-12 * expression.tilt, Image.Resampling.BICUBIC, center=(224, 360))
    canvas.paste(turned, (0, round(14 * expression.nod)), turned)
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _draw_body(pen: ImageDraw.ImageDraw, person: Person) -> None:
    pen.ellipse((44, 372, 404, 640), fill=person.shirt)
    pen.rectangle((184, 330, 264, 410), fill=_shade(person.skin, 0.85))


def _draw_head(pen: ImageDraw.ImageDraw, person: Person, expression: Expression, speaking: float, blink: float) -> None:
    if person.long_hair:
        pen.rounded_rectangle((84, 60, 364, 380), 120, fill=person.hair)
    for x in (92, 336):
        pen.ellipse((x - 8, 196, x + 28, 262), fill=_shade(person.skin, 0.9))
    pen.ellipse((96, 44, 352, 400), fill=person.skin)
    pen.pieslice((92, 28, 356, 260), 180, 360, fill=person.hair)
    pen.ellipse((108, 104, 340, 230), fill=person.skin)
    for side in (-1, 1):
        _draw_eye(pen, person, expression, blink, side)
    nose = _shade(person.skin, 0.75)
    pen.line([(224, 226), (214, 268), (232, 270)], fill=nose, width=6, joint="curve")
    if expression.wrinkle > 0.2:
        for offset in (0, 12):
            pen.line([(206, 214 + offset), (224, 222 + offset), (242, 214 + offset)], fill=nose, width=4)
    _draw_mouth(pen, expression, speaking)


def _draw_eye(pen: ImageDraw.ImageDraw, person: Person, expression: Expression, blink: float, side: int) -> None:
    x, y = 224 + 58 * side, 204
    half = max(2.0, (17 + 12 * expression.eyes_wide - 5 * expression.wrinkle) * (1 - blink))
    pen.ellipse((x - 30, y - half, x + 30, y + half), fill=(250, 250, 248), outline=(60, 45, 40), width=3)
    pupil = min(13.0, half)
    if half > 4:
        pen.ellipse((x - 13, y - pupil, x + 13, y + pupil), fill=(45, 35, 30))
    lift = y - 44 - 20 * expression.brow_raise + 6 * expression.wrinkle
    inner, outer = lift - 17 * expression.brow_worry, lift + 11 * expression.brow_worry
    pen.line(
        [(x - 32 * side, inner), (x, min(inner, outer) - 3), (x + 36 * side, outer)],
        fill=_shade(person.hair, 0.7),
        width=11,
        joint="curve",
    )


def _draw_mouth(pen: ImageDraw.ImageDraw, expression: Expression, speaking: float) -> None:
    half = 44 + 16 * expression.stretch
    opening = 4 + 46 * expression.gape + 22 * speaking
    across = np.linspace(-1, 1, 25)
    corner = 322 - 24 * expression.smile - 8 * expression.wrinkle * (1 - np.abs(across))
    bow = 26 * expression.smile * (1 - across**2)
    upper = corner + bow - opening / 2 * np.sqrt(1 - across**2)
    lower = corner + bow + opening / 2 * np.sqrt(1 - across**2)
    xs = 224 + half * across
    outline = [*zip(xs, upper, strict=True), *zip(xs[::-1], lower[::-1], strict=True)]
    pen.polygon(outline, fill=(92, 24, 30))
    pen.line([*outline, outline[0]], fill=(172, 62, 66), width=8, joint="curve")


def _shade(colour: Colour, factor: float) -> Colour:
    return round(colour[0] * factor), round(colour[1] * factor), round(colour[2] * factor)
