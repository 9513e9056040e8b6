"""Groups: images that are tiles of one larger field, found from their pixels.

Tiles of a field continue each other: the last line of one is a pixel away from the first line of
its neighbour. For every pair of images of one size `_evidence` says by how much an edge continues
better than in the best of the others, in several bands of spatial frequency, and drops pairs whose
background differs more than an edge's own lines do. Four images whose four seams all fit (a loop)
are joined, best first, each side of an image once; what is left is tried again with less rivalry,
and then single seams that stand out. Where an edge shows nothing but even background, true and
false neighbours look alike; there the loop decides by its other seams.

Rivals include the mirrored edges, which cannot belong together: they tell how well an edge is
matched by chance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.fft import dct

MAX_GROUP = 60  # images; a wrong seam could otherwise chain fields without end
MAX_POOL = 2500  # images of one size that are compared; the pair matrices then take 0.4 GB
N_LINES = 3
BANDS = ((0, 1), (1, 4), (4, 12), (12, 32), (32, 96))  # DCT coefficients along an edge
SMALL_POOL = 12  # with fewer images rivals are too few to judge weak evidence by
CANDIDATES = 12  # neighbours considered on each side
QUANTUM = 0.3  # variance in grey levels squared that rounding and noise excuse
LEVEL_RATIO = 1.5  # measured on sure seams: 99 % below 1.3


class Pass(NamedTuple):
    """One round of loop search among the images that no loop has yet."""

    rivals: int  # an edge competes with its so many best fitting others
    weakest: float  # least evidence of any seam, in nats
    total: float  # least evidence of the four


# Set so that mirrored edges, which cannot belong together, give no loop among stage 1's images.
PASSES = (Pass(6, 0, 60), Pass(4, -4, 30), Pass(3, -10, 20), Pass(2, -20, 20), Pass(2, -5, 1))
PAIR_RIVALS, PAIR_EVIDENCE = 1, 24  # mirrored edges give no pair from 16 on

SIDES = ("right", "left", "bottom", "top")
Borders = dict[str, np.ndarray]  # side -> (N_LINES, L, 3) uint8, outermost line first


def borders(image: np.ndarray) -> Borders:
    """The outermost lines of the four sides of an image (H, W, C) uint8, copied.

    Of more channels the first three are taken, as many as the limits of evidence were measured on.
    """
    image = image[..., :3]
    across = image.transpose(1, 0, 2)
    lines = (across[::-1], across, image[::-1], image)
    return {side: x[:N_LINES].copy() for side, x in zip(SIDES, lines, strict=True)}


def assign(
    tiles: Sequence[Borders],
    *,
    joined: Iterable[tuple[int, int]] = (),
    whole: Collection[int] = (),
) -> np.ndarray:
    """Give every image the number of its group, (n,) int64, counted from 0 by first member.

    `joined` holds pairs known to belong together, copies for example, `whole` images that are known to be
    no tiles. No group has more than
    `MAX_GROUP` images: a join that would exceed it is refused, and joins come best first. Sizes
    with more than `MAX_POOL` images are not compared.
    """
    union = _Union(len(tiles))
    for first, second in joined:
        union.join([first, second])
    pools: dict[tuple, list[int]] = {}
    for index, tile in enumerate(tiles):
        if index in whole:
            continue
        pools.setdefault((tile["left"].shape, tile["top"].shape), []).append(index)
    for members in pools.values():
        if 2 <= len(members) <= MAX_POOL:
            lines = {side: np.stack([tiles[i][side] for i in members]) for side in SIDES}
            for seam in find_joins(lines):
                union.join([members[i] for i in seam])
    return union.numbers()


def find_joins(lines: Borders) -> list[tuple[int, ...]]:
    """Sets of 2 or 4 indices that belong together, most certain first.

    `lines` has for every side an array (n, N_LINES, L, 3) of images of one size.
    """
    n = len(lines["left"])
    seams = _Seams()
    joins: list[tuple[int, ...]] = []
    free = np.arange(n)
    for rules in PASSES if n >= SMALL_POOL else PASSES[:1]:
        loops: list[tuple[int, ...]] | None = None
        while loops != [] and len(free) >= 4:
            across, down = _pool_evidence(lines, free, rules.rivals)
            loops = _accept(_loops(across, down, rules), free, seams)
            joins += loops
            free = np.setdiff1d(free, np.array([i for loop in loops for i in loop], int))
    across, down = _pool_evidence(lines, np.arange(n), PAIR_RIVALS)
    return joins + seams.pairs(across, down, PAIR_EVIDENCE)


def _pool_evidence(lines: Borders, rows: np.ndarray, rivals: int) -> tuple[np.ndarray, np.ndarray]:
    """Evidence that j lies right of i, and that j lies below i, each (n, n)."""
    right, left, bottom, top = (lines[side][rows] for side in SIDES)
    return _evidence(right, left, rivals), _evidence(bottom, top, rivals)


def _evidence(ends: np.ndarray, starts: np.ndarray, rivals: int) -> np.ndarray:
    """Log-likelihood ratio (n, n) that edge i of `ends` goes on in edge j of `starts`.

    Half a line is extrapolated from both sides and the profiles compared by band. The ratio is that
    of the Gaussian residual to the one of the `rivals`-th best partner; many coefficients of one
    band count less than independent ones would. -inf on the diagonal and where levels differ.
    """
    n_channels = 1 if _is_grey(ends) and _is_grey(starts) else 3
    first, second = _profile(ends, n_channels), _profile(starts, n_channels)
    n = len(first)
    rivals = min(rivals, n - 1)
    total = np.zeros((n, n), np.float32)
    for low, high in BANDS:
        a, b = (x[:, low:high] for x in (first, second))
        size = max(a[0].size, 1)
        sign = np.where(np.arange(low, low + a.shape[1]) % 2, -1, 1)[:, None]
        fit, mirrored = _residual(a, b), _residual(a, b * sign)
        others = np.hstack([fit, mirrored]), np.vstack([fit, mirrored])
        row = np.partition(others[0], rivals, axis=1)[:, rivals, None]
        column = np.partition(others[1], rivals, axis=0)[rivals]
        usual = np.sqrt((row + QUANTUM) * (column + QUANTUM))
        total += 0.5 * np.sqrt(size * min(size, 8)) * np.log(usual / (fit + QUANTUM))
    return np.where(_same_level(ends, starts), total, -np.inf)


def _residual(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean squared difference (n, n) of all pairs of rows; the diagonal is out of the race."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (first, second))
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    np.fill_diagonal(squares, 1e12)
    return np.maximum(squares, 0) / max(a.shape[1], 1)


def _is_grey(lines: np.ndarray) -> bool:
    return bool((lines == lines[..., :1]).all())


def _profile(lines: np.ndarray, n_channels: int) -> np.ndarray:
    """DCT along each edge, (n, up to 96, n_channels), half a pixel outside."""
    values = lines[:, :2, ..., :n_channels].astype(np.float32)
    outside = values[:, 0] + 0.5 * (values[:, 0] - values[:, 1])
    return dct(outside, axis=1, norm="ortho")[:, : BANDS[-1][1]]


def _same_level(ends: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Whether the mean of the middle half of two edges differs no more than each one's own lines."""
    levels, drifts = [], []
    for lines in (ends, starts):
        length = lines.shape[2]
        middle = np.sort(lines, axis=2)[:, :, length // 4 : max(length // 4 + 1, 3 * length // 4)]
        level = middle.mean(axis=2)  # (n, N_LINES, 3)
        levels.append(level[:, 0])
        drifts.append(np.abs(np.diff(level, axis=1)).max(axis=(1, 2)))
    step = np.abs(levels[0][:, None] - levels[1]).max(axis=2)
    return step <= LEVEL_RATIO * (np.maximum(drifts[0][:, None], drifts[1]) + 0.25)


class Loop(NamedTuple):
    total: float
    corners: tuple[int, int, int, int]  # top left, top right, bottom left, bottom right


def _loops(across: np.ndarray, down: np.ndarray, rules: Pass) -> list[Loop]:
    """The best loop of every top left image, best first."""
    across, down = (np.where(x >= rules.weakest, x, -np.inf) for x in (across, down))
    n = len(across)
    k = min(CANDIDATES, n - 1)
    beside = np.argpartition(-across, k - 1, axis=1)[:, :k]
    below = np.argpartition(-down, k - 1, axis=1)[:, :k]
    found = []
    for a in range(n):
        b, c = beside[a], below[a]
        d = below[b]  # (k, k): candidates below each b
        score = across[a, b][:, None, None] + down[a, c][:, None] + down[b[:, None], d][:, None]
        score = score + across[c[:, None], d[:, None]]
        score[(b[:, None] == c)] = -np.inf
        score[np.broadcast_to(d[:, None] == a, score.shape)] = -np.inf
        i, j, m = np.unravel_index(score.argmax(), score.shape)
        if score[i, j, m] >= rules.total:
            found.append(Loop(float(score[i, j, m]), (a, int(b[i]), int(c[j]), int(d[i, m]))))
    return sorted(found, reverse=True)


def _accept(loops: list[Loop], rows: np.ndarray, seams: _Seams) -> list[tuple[int, ...]]:
    """Loops that use no side of an image twice, in terms of the whole pool."""
    taken: list[tuple[int, ...]] = []
    for loop in loops:
        a, b, c, d = (int(rows[i]) for i in loop.corners)
        if seams.take([("across", a, b), ("across", c, d), ("down", a, c), ("down", b, d)]):
            taken.append((a, b, c, d))
    return taken


@dataclass
class _Seams:
    """Which image follows which; every side has one neighbour at most."""

    after: dict[tuple[str, int], int] = field(default_factory=dict)
    before: dict[tuple[str, int], int] = field(default_factory=dict)

    def take(self, seams: list[tuple[str, int, int]]) -> bool:
        for way, i, j in seams:
            if self.after.get((way, i), j) != j or self.before.get((way, j), i) != i:
                return False
            if self.after.get((way, j)) == i:  # i cannot lie on both sides of j
                return False
        for way, i, j in seams:
            self.after[way, i], self.before[way, j] = j, i
        return True

    def pairs(self, across: np.ndarray, down: np.ndarray, least: float) -> list[tuple[int, ...]]:
        """Single seams between free sides with evidence of at least `least`, best first."""
        found = []
        for way, evidence in (("across", across), ("down", down)):
            for i, j in np.argwhere(evidence >= least).tolist():
                found.append((-float(evidence[i, j]), way, i, j))
        return [(i, j) for _, way, i, j in sorted(found) if self.take([(way, i, j)])]


class _Union:
    """Disjoint sets that refuse to grow above `MAX_GROUP`."""

    def __init__(self, n: int) -> None:
        self._sets = [{i} for i in range(n)]

    def join(self, members: Sequence[int]) -> None:
        merged = set().union(*(self._sets[i] for i in members))
        if len(merged) <= MAX_GROUP:
            for i in merged:
                self._sets[i] = merged

    def numbers(self) -> np.ndarray:
        first = np.array([min(members) for members in self._sets], np.int64)
        return np.unique(first, return_inverse=True)[1].reshape(-1)
