"""The light of a day on the scene: sun, sky and lamps, and two bounces, by rays against boxes. NumPy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scene import BOXES, LAMPS, MATERIALS, SIZE, Chart

HOURS = np.arange(24.0)
N_RAYS, N_SUN, BOUNCES = 256, 8, 2
SUN_RADIUS = math.radians(1.2)
OFFSET = 2e-3
"""Meters from a surface where rays begin."""
FAR = 1e9


@dataclass(frozen=True)
class Texels:
    """The valid texels.

    Attributes:
        rows: (N,) and `columns` (N,): where they are.
        places: (N, 3) float32, a little over the surface.
        normals: (N, 3) float32.
        albedo: (N, 3) float32.
        index: (H, W) int, the number of each texel; -1 where there is none.
    """

    rows: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    normals: np.ndarray
    albedo: np.ndarray
    index: np.ndarray


def texels_of(charts: list[Chart]) -> Texels:
    """The texels of all charts; those at an edge lie a little inside of their face."""
    rows, columns, places, normals, albedo = [], [], [], [], []
    for chart in charts:
        b, a = (0.002 + 0.996 * np.linspace(0.0, 1.0, n) for n in chart.shape)
        at = chart.corner + a[None, :, None] * chart.sides[0] + b[:, None, None] * chart.sides[1]
        row, column = np.indices(chart.shape)
        rows.append(row.ravel() + chart.place[0])
        columns.append(column.ravel() + chart.place[1])
        places.append(at.reshape(-1, 3) + OFFSET * chart.normal)
        normals.append(np.broadcast_to(chart.normal, (row.size, 3)))
        albedo.append(np.broadcast_to(MATERIALS[BOXES[chart.box][0]], (row.size, 3)))
    index = np.full((SIZE, SIZE), -1)
    row, column = np.concatenate(rows), np.concatenate(columns)
    index[row, column] = np.arange(len(row))
    return Texels(row, column, *(np.concatenate(x).astype(np.float32) for x in (places, normals, albedo)), index)


def nearest_box(places: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first box along rays: (N,) distances, FAR for none, and (N,) numbers."""
    with np.errstate(divide="ignore"):
        inverse = (1.0 / direction.astype(np.float32)).astype(np.float32)
    distance, number = np.full(len(places), FAR, np.float32), np.full(len(places), -1)
    for box, (_, low, high) in enumerate(BOXES):
        with np.errstate(invalid="ignore"):
            one, other = ((np.array(side, np.float32) - places) * inverse for side in (low, high))
        enter, leave = np.fmin(one, other).max(1), np.fmax(one, other).min(1)
        hit = (enter <= leave) & (leave > 0.0) & (enter < distance)
        distance[hit], number[hit] = np.maximum(enter[hit], 0.0), box
    return distance, number


def sun(time_h: float) -> tuple[np.ndarray, np.ndarray]:
    """Direction towards the sun, and the irradiance of a surface that faces it; it shines from 6 to 18 h."""
    angle = math.pi * (time_h - 6.0) / 12.0
    direction = np.array([math.cos(angle), 0.95 * math.sin(angle), 0.55 * math.sin(angle) + 0.15])
    direction /= np.linalg.norm(direction)
    height = max(float(math.sin(angle)), 0.0) if 6.0 < time_h < 18.0 else 0.0
    warm = np.array([1.0, 0.62 + 0.33 * height, 0.36 + 0.52 * height])
    return direction, 9.0 * height**0.6 * warm


def sky(directions: np.ndarray, time_h: float) -> np.ndarray:
    """(N, 3) radiance of the sky along (N, 3) directions; nothing from below."""
    day = max(math.sin(math.pi * (time_h - 5.0) / 14.0), 0.0) if 5.0 < time_h < 19.0 else 0.0
    dusk = math.exp(-(((time_h - 5.9) / 0.9) ** 2)) + math.exp(-(((time_h - 18.1) / 0.9) ** 2))
    up = np.clip(directions[:, 1:2], 0.0, 1.0)
    blue, low = np.array([0.30, 0.55, 1.00]), np.array([0.85, 0.92, 1.00])
    toward = np.clip(directions @ sun(time_h)[0], 0.0, 1.0)[:, None] ** 4
    light = 1.1 * day * (up * blue + (1 - up) * low) + 0.5 * dusk * (1 - up) * np.array([1.0, 0.45, 0.2]) * (
        0.3 + toward
    )
    return np.asarray(np.where(directions[:, 1:2] > 0.0, light + 0.012 * np.array([0.5, 0.7, 1.0]), 0.0))


def lamps_are_on(time_h: float) -> bool:
    """At night."""
    return not 6.0 < time_h < 18.0


def _hemisphere() -> np.ndarray:
    """(N_RAYS, 3) directions around z with the density of the cosine: a golden spiral."""
    k = np.arange(N_RAYS) + 0.5
    radius, angle = np.sqrt(k / N_RAYS), k * math.pi * (3.0 - math.sqrt(5.0))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1.0 - k / N_RAYS)], 1)


def _around(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors that stand on a direction and on each other."""
    one = np.cross(direction, np.eye(3)[int(np.argmin(np.abs(direction)))])
    one /= np.linalg.norm(one)
    return one, np.cross(direction, one)


def _direct(texels: Texels) -> np.ndarray:
    """(N, T, 3) irradiance of the sun and the lamps."""
    light = np.zeros((len(texels.places), len(HOURS), 3), np.float32)
    for t, time_h in enumerate(HOURS):
        center, irradiance = sun(float(time_h))
        if not irradiance.any():
            continue
        one, other = _around(center)
        for k in range(N_SUN):
            radius, angle = SUN_RADIUS * math.sqrt((k + 0.5) / N_SUN), 2.399963 * k
            direction = center + radius * (math.cos(angle) * one + math.sin(angle) * other)
            facing = np.clip(texels.normals @ direction, 0.0, None)
            lit = np.flatnonzero(facing > 0.0)
            free = lit[nearest_box(texels.places[lit], direction)[1] < 0]
            light[free, t] += facing[free, None] * irradiance / N_SUN
    on = [t for t, time_h in enumerate(HOURS) if lamps_are_on(float(time_h))]
    for place, intensity in LAMPS:
        toward = np.array(place) - texels.places
        far = np.linalg.norm(toward, axis=1)
        directions = toward / far[:, None]
        facing = np.clip((directions * texels.normals).sum(1), 0.0, None)
        hit = _blocked(texels.places, toward)
        light[:, on] += (facing * ~hit / np.maximum(far, 0.1) ** 2)[:, None, None] * np.array(intensity)
    return light


def _blocked(places: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """(N,) whether a box is between places and places + toward."""
    blocked = np.zeros(len(places), bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / toward
        for _, low, high in BOXES:
            one, other = ((np.array(side) - places) * inverse for side in (low, high))
            enter, leave = np.fmin(one, other).max(1), np.fmax(one, other).min(1)
            blocked |= (enter <= leave) & (leave > 0.0) & (enter < 1.0)
    return blocked


def _texel_at(places: np.ndarray, boxes: np.ndarray, charts: list[Chart], texels: Texels) -> np.ndarray:
    """(N,) numbers of the texels nearest to places on boxes; -1 where the face has no chart."""
    found = np.full(len(places), -1)
    nearest = np.full(len(places), 0.05)
    for chart in charts:
        own = np.flatnonzero(boxes == chart.box)
        off = np.abs(places[own, chart.axis] - chart.corner[chart.axis])
        own, off = own[off < nearest[own]], off[off < nearest[own]]
        shares = [((places[own] - chart.corner) @ side / (side @ side)).clip(0.0, 1.0) for side in chart.sides]
        row = chart.place[0] + np.rint(shares[1] * (chart.shape[0] - 1)).astype(int)
        column = chart.place[1] + np.rint(shares[0] * (chart.shape[1] - 1)).astype(int)
        found[own], nearest[own] = texels.index[row, column], off
    return found


def _gather(texels: Texels, charts: list[Chart]) -> tuple[np.ndarray, np.ndarray]:
    """(N, T, 3) irradiance of the sky, and (N, N_RAYS) the texels that the rays meet, -1 for none."""
    light = np.zeros((len(texels.places), len(HOURS), 3), np.float32)
    met = np.full((len(texels.places), N_RAYS), -1, np.int32)
    for normal in np.unique(texels.normals, axis=0):
        own = np.flatnonzero((texels.normals == normal).all(1))
        one, other = _around(normal.astype(np.float64))
        directions = _hemisphere() @ np.stack([one, other, normal])
        above = np.stack([sky(directions, float(time_h)) for time_h in HOURS], 1) * (math.pi / N_RAYS)
        for k, direction in enumerate(directions):
            distance, box = nearest_box(texels.places[own], direction)
            free = box < 0
            light[own[free]] += above[k]
            at = texels.places[own[~free]] + distance[~free, None] * direction
            met[own[~free], k] = _texel_at(at, box[~free], charts, texels)
    return light, met


def bake(charts: list[Chart]) -> tuple[np.ndarray, np.ndarray]:
    """The lightmaps.

    Returns:
        (T, SIZE, SIZE, 3) float32: irradiance over pi, which times the base color is the radiance that is seen; and
        (SIZE, SIZE) bool, the texels of charts.
    """
    texels = texels_of(charts)
    above, met = _gather(texels, charts)
    first = _direct(texels) + above
    total = first
    for _ in range(BOUNCES):
        reflected = np.concatenate([total * texels.albedo[:, None], np.zeros((1, *total.shape[1:]), np.float32)])
        total = first + sum(reflected[met[:, k]] for k in range(N_RAYS)) / np.float32(N_RAYS)
    frames = np.zeros((len(HOURS), SIZE, SIZE, 3), np.float32)
    frames[:, texels.rows, texels.columns] = total.transpose(1, 0, 2) / math.pi
    return frames, texels.index >= 0
