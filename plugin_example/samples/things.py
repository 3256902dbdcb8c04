"""The objects of the fruit sample: each function paints an object with light and a soft edge at a pose. Pure."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from plugin_example.samples.paint import Layer, Light, Pose, Rng, covered, inside, lit, mix, noise, rgb, turned


def apple(rng: Rng, size: tuple[int, int], pose: Pose, light: Light) -> Layer:
    """A ball with a dimple, streaks from green to red, freckles and a stem."""
    u, v = pose.grid(size)
    theta = np.arctan2(u, -v)  # 0 at the stem
    dimple = 0.16 * np.exp(-((theta / 0.35) ** 2)) + 0.06 * np.exp(-(((np.abs(theta) - np.pi) / 0.4) ** 2))
    squash = 1 + 0.05 * np.cos(2 * theta)
    r = np.hypot(u, v) / (squash - dimple)
    z = np.sqrt(np.clip(1 - r**2, 0, 1))
    ripe, raw = [
        (rgb("#A81B1E"), rgb("#D9A441")),
        (rgb("#C22B2B"), rgb("#8DA83C")),
        (rgb("#7CA62E"), rgb("#B9CC55")),
    ][rng.choice(3, p=[0.4, 0.4, 0.2])]
    streak = noise(rng, size, pose.radius / 8, octaves=2) * 0.35 + 0.3 * np.sin(theta * 9 + rng.uniform(0, 6)) * r
    blush = 0.55 + 0.5 * (u * np.cos(1.0) + v * np.sin(1.0))
    colour = mix(ripe, raw, 0.45 * blush + streak - 0.2)
    freckles = noise(rng, size, 3, octaves=1) > 0.93
    colour = colour + 0.15 * freckles[..., None]
    hollow = np.exp(-(u**2 + (v + 0.72) ** 2) / 0.03)
    colour = mix(np.zeros(3, np.float32), np.ones(3, np.float32), 1 - 0.6 * hollow) * colour
    x, y = turned(u / np.maximum(squash, 0.1), v, pose.angle)
    body = Layer(lit(colour, (x, y, z), light, gloss=0.75), inside(r - 1, pose.radius))

    stem = inside(np.maximum(np.abs(u - 0.12 * (v + 0.75)) - 0.045, np.abs(v + 0.92) - 0.22), pose.radius)
    wood_colour = np.broadcast_to(rgb("#4B3420"), colour.shape) * (0.7 + 0.6 * (u > 0))[..., None]
    return Layer(covered(body.colour, Layer(wood_colour, stem)), np.maximum(body.cover, stem))


def banana(rng: Rng, size: tuple[int, int], pose: Pose, light: Light) -> Layer:
    """A bent tube with ridges, brown spots, dark ends."""
    u, v = pose.grid(size)
    bend = rng.uniform(0.9, 1.5)  # radius of the arc of the middle line
    half_arc = 1.0 / bend
    rho, phi = np.hypot(u, v + bend * 0.75), np.arctan2(u, v + bend * 0.75)
    along = phi / half_arc  # -1 … 1 from end to end
    width = rng.uniform(0.24, 0.3) * np.sqrt(np.clip(1.02 - np.abs(along) ** 3, 0.02, 1)) + 0.015
    neck = (along > 0.78) & (along < 1.02)
    width = np.where(neck, np.minimum(width, 0.085), width)
    t = (rho - bend) / width
    gap = np.maximum((np.abs(t) - 1) * width, (np.abs(along) - 1) * bend * half_arc)
    ridge = np.round(t * 1.4) / 1.4  # three flat sides, as bananas have
    slope = np.clip(0.55 * t + 0.45 * ridge, -1, 1)
    ripe, raw = rgb("#F0C838"), [rgb("#C9B637"), rgb("#D9A92F"), rgb("#9DB03A")][rng.integers(3)]
    colour = mix(ripe, raw, noise(rng, size, pose.radius / 2) * 1.2 - 0.1)
    spots = np.clip((noise(rng, size, pose.radius / 5, octaves=2) - rng.uniform(0.66, 0.85)) * 12, 0, 1)
    ends = np.clip((np.abs(along) - 0.88) * 12, 0, 1)
    colour = mix(rgb("#4A3018"), np.ones(3, np.float32), 1 - np.maximum(0.8 * spots, 0.85 * ends)) * colour
    x, y = turned(np.sin(phi) * slope, np.cos(phi) * slope, pose.angle)
    shaded = lit(colour, (x, y, np.sqrt(1 - slope**2)), light, gloss=0.25)
    return Layer(shaded, inside(gap, pose.radius))


def pineapple(rng: Rng, size: tuple[int, int], pose: Pose, light: Light) -> Layer:
    """A slice with its core cut out: a ring that shows the table through its hole."""
    u, v = pose.grid(size)
    r, phi = np.hypot(u, v), np.arctan2(v, u)
    edge = 1 + 0.03 * np.sin(phi * 14 + rng.uniform(0, 6))
    hole = rng.uniform(0.26, 0.36)
    gap = np.maximum(r - edge, hole - r)
    turns = int(rng.integers(26, 36))
    fibres = 0.5 + 0.5 * np.sin(phi * turns + 5 * noise(rng, size, pose.radius / 4))
    juice = noise(rng, size, pose.radius / 6, octaves=2)
    colour = mix(rgb("#E6B52E"), rgb("#FBEA9A"), 0.45 * fibres + 0.5 * juice)
    wedge = 0.5 + 0.5 * np.cos(phi * 10 + rng.uniform(0, 6))
    colour = colour * (1 - 0.18 * (wedge > 0.96))[..., None]
    rind = np.clip((r - 0.9 * edge) * 14, 0, 1)
    colour = mix(rgb("#8A6A26"), np.ones(3, np.float32), 1 - 0.75 * rind) * colour
    bevel = np.clip((r - 0.88) * 8, 0, 1) - np.clip((hole + 0.08 - r) * 10, 0, 1)
    x, y = turned(np.cos(phi) * bevel * 0.7, np.sin(phi) * bevel * 0.7, pose.angle)
    shaded = lit(colour, (x, y, np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))), light, gloss=0.5 * float(juice.mean()))
    return Layer(shaded, inside(gap, pose.radius))


def price_card(rng: Rng, size: tuple[int, int], pose: Pose, light: Light) -> Layer:
    """A paper card with a price and a bar code; it is never rotated, so a rectangle fits it exactly."""
    height, width = int(pose.radius), int(pose.radius * rng.uniform(1.3, 1.8))
    top, left = int(pose.row - height / 2), int(pose.col - width / 2)
    paper = [rgb("#F4F1E8"), rgb("#CFE3F2"), rgb("#F6D9E0")][rng.integers(3)]
    ink = np.zeros((height, width), np.uint8)
    price = f"{rng.integers(1, 9)}.{rng.integers(10, 99)}"
    cv2.putText(ink, price, (3, int(height * 0.5)), cv2.FONT_HERSHEY_SIMPLEX, height / 52, 255, 1, cv2.LINE_AA)
    bars = np.repeat(rng.random(width) < 0.5, 2)[: width - 6]
    ink[int(height * 0.65) : int(height * 0.9), 3 : width - 3][:, bars] = 255
    card = mix(paper, rgb("#2B2B33"), ink.astype(np.float32) / 255)
    colour, cover = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    box = np.s_[max(top, 0) : min(top + height, size[0]), max(left, 0) : min(left + width, size[1])]
    cut = np.s_[box[0].start - top : box[0].stop - top, box[1].start - left : box[1].stop - left]
    colour[box], cover[box] = card[cut] * light.colour, 1.0
    return Layer(colour, cover)


THINGS: dict[str, Callable[[Rng, tuple[int, int], Pose, Light], Layer]] = {
    "apple": apple,
    "banana": banana,
    "pineapple": pineapple,
    "price card": price_card,
}
