"""What the steps of `ManifoldLab` promise, by what the lab itself shows.

On the fallback digits the models are the same and the codes are not: there the way from A to B is left out.
"""

import re
from itertools import groupby

import pytest
import torch
from drive import frames, state_of

from vae_core.data import to_pixels
from vae_core.labs import ManifoldLab


@pytest.fixture(scope="module")
def lab(images) -> ManifoldLab:
    return ManifoldLab(images=images)


@pytest.fixture(scope="module")
def judge(images):
    """Of drawings: how far the nearest of 5,000 training images is (1: as far as from a test image), and the vote of the ten nearest."""
    library, labels = to_pixels(images.train[:5000]), images.train_labels[:5000]
    typical = torch.cdist(to_pixels(images.test[:500]), library).amin(1).median()

    def look(pictures):
        drawn = torch.tensor([picture["pixels"] for picture in pictures])
        distance, nearest = torch.cdist(drawn, library).topk(10, largest=False)
        votes = torch.nn.functional.one_hot(labels[nearest], 10).sum(1)
        return (distance[:, 0] / typical).tolist(), *(part.tolist() for part in votes.max(1))

    return look


def away(frame):
    """How far from the nearest code each marker stands, in σ, and whether the lab calls that far."""
    said = re.findall(r"(far from any code|near real codes), .*?([\d.]+) σ away", frame["summary"])
    return [(float(distance), verdict.startswith("far")) for verdict, distance in said]


def test_step_1_only_the_right_drawing_is_a_digit(lab, images, judge):
    (frame,) = frames(lab, state_of(lab, 1))
    (left, left_far), (right, right_far) = away(frame)
    assert left > lab.canvas.spec["hole"] > right and left_far and not right_far
    distances, votes, _ = judge(frame["pictures"])
    if images.name == "mnist":
        assert distances[0] > 1.05 and votes[0] <= 8 and distances[1] < 0.85 and votes[1] == 10


def test_step_2_the_left_drawing_breaks_in_and_between_two_stretches_and_the_right_one_once(lab, images, judge):
    if not lab.canvas.spec["way"]:  # not so on these images: then the step is not given
        assert images.name != "mnist" and not any("A to B" in step.words for step in lab.steps)
        return
    (z1, low), (_, high) = lab.canvas.spec["way"]
    states = [state_of(lab, 2, z2=round(low + 0.04 * i, 2)) for i in range(round((high - low) / 0.04) + 1)]
    assert states[0] == state_of(lab, 2) and states[0]["z1"] == z1 and states[-1]["z2"] == high
    shown = frames(lab, *states)
    left, right = zip(*map(away, shown), strict=True)
    stretches = [(far, len(list(run))) for far, run in groupby(far for _, far in left)]
    assert [far for far, _ in stretches] == [False, True, False, True, False] and max(left)[0] > 0.4
    assert min(length for far, length in stretches if far) >= 8 and not any(far for _, far in right)
    way = next(call for call in shown[0]["calls"] if call[0] == "line" and call[2].get("dash") == [3, 3])[1]
    for (x, y), frame in zip(way, (shown[0], shown[-1]), strict=True):
        assert (frame["handles"][0]["x"], frame["handles"][0]["y"]) == pytest.approx((x, y), abs=1e-6)
    distances, votes, digits = judge([picture for frame in shown for picture in frame["pictures"]])
    assert digits[0] == digits[1] == 0 and (digits[-2], digits[-1]) == (2, 6)
    assert set(digits[::2]) == {0, 2} and set(digits[1::2]) == {0, 6}
    assert min(votes[0], votes[1], votes[-1], votes[-2]) == 10 and max(distances[::2]) > 1.15 > 0.95 > max(
        distances[1::2]
    )
    begins, ends = stretches[0][1] + stretches[1][1], sum(length for _, length in stretches[:3])
    assert min(votes[2 * begins : 2 * ends : 2]) <= 5, "it breaks between the stretches, near codes"
    unclear = [i for i, vote in enumerate(votes[1::2]) if vote < 9]
    assert 1 <= len(unclear) <= 2 and unclear[-1] - unclear[0] == len(unclear) - 1, (
        "one unclear drawing, at 0.04 σ apart"
    )
    assert not any(
        call[0] == "line" and call[2].get("dash") == [3, 3] for call in frames(lab, state_of(lab, 1))[0]["calls"]
    )


def test_step_3_holes_are_red_and_counted_and_most_drawings_in_them_are_clear(lab, images, judge):
    (frame,) = frames(lab, state_of(lab, len(lab.steps) - 1, backdrop="grid"))
    shares = [int(share) for share in re.findall(r"(\d+) % of normal draws fall into holes", " ".join(frame["words"]))]
    hole = lab.canvas.spec["hole"]
    draws = torch.randn(20000, 2, generator=torch.Generator().manual_seed(5))
    for share, plane in zip(shares, lab.planes, strict=True):
        assert share / 100 == pytest.approx((plane.far(draws) > hole).float().mean().item(), abs=0.04)
    red = {
        (x - 0.5, y - 0.5)
        for name, x, y, *_, style in (c for c in frame["calls"] if c[0] == "box")
        if style.get("fill") == "gap"
    }
    cells = [picture for picture in frame["pictures"] if picture["size"] < 50]
    assert len(cells) == 2 * 13 * 13 and red <= {(cell["x"], cell["y"]) for cell in cells}
    for place, plane in zip(frame["handles"], lab.planes, strict=True):
        box = place["track"]
        mine = [c for c in cells if box["x"] <= c["x"] < box["x"] + box["width"]]
        middle = torch.tensor(
            [[c["x"] + c["size"] / 2 - box["x"], box["y"] + box["height"] - c["y"] - c["size"] / 2] for c in mine]
        )
        far = plane.far(6 * middle / box["width"] - 3)
        assert [(c["x"], c["y"]) in red for c in mine] == (far > hole).tolist()
    assert "farther than 0.25 σ" in lab.steps[-2].words and hole == 0.25
    if images.name == "mnist":
        assert shares[0] > 3 * shares[1]
        left = frame["handles"][0]["track"]
        reds = sum(x < left["x"] + left["width"] for x, _ in red)
        assert reds / 13**2 > 2 * shares[0] / 100, "red cells count little"
        _, votes, _ = judge([cell for cell in cells if (cell["x"], cell["y"]) in red])
        assert sum(vote >= 9 for vote in votes) > 0.75 * len(votes)


def test_step_4_a_class_lies_elsewhere_on_the_two_maps(lab, images):
    before, after = frames(lab, state_of(lab, len(lab.steps)), state_of(lab, len(lab.steps), highlight="7"))
    count = int((images.test_labels[:1000] == 7).sum())

    def dots(frame):
        return [
            call for call in frame["calls"] if call[0] == "disc" and call[3] <= 2.4 and call[4].get("alpha", 1) == 1
        ]

    assert len(dots(before)) == 2 * min(1000, len(images.test)) and len(dots(after)) == 2 * count
    middles = []
    for half, place in zip((dots(after)[:count], dots(after)[count:]), after["handles"], strict=True):
        middle = torch.tensor([dot[1:3] for dot in half], dtype=torch.float64).median(0).values
        middles.append(
            (middle - torch.tensor([place["track"]["x"], place["track"]["y"]])) * 6 / place["track"]["width"]
        )
    if images.name == "mnist":
        assert (middles[0] - middles[1]).norm() > 1.5
        (across, down), (far, _) = middles  # from the upper left corner, whose middle lies at 3, 3
        assert abs(across - 3) < 0.3 and 0.3 < 3 - down < 1, "just above the middle"
        assert far > 4.2, "far to the right"
