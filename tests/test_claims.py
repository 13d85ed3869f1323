"""A claim shows its number and its bound, and ends the cell where the bound is not kept."""

import math

import pytest
import torch

from vae_core.claims import claim, claims


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (lambda: claim("share", 0.4123, "%", 1) > 1 / 3, "share: 41.2 % > 33.3 %"),
        (lambda: 0.9 < claim("ratio", torch.tensor(1.0)) < 1.1, "ratio: 1.00 > 0.9 < 1.1"),
        (lambda: claim("units in use", 20) == 20, "units in use: 20 = 20"),
        (lambda: claim("difference", 3e-7, within=1e-5) < 1e-5, "difference: 3 · 10⁻⁷ < 1 · 10⁻⁵"),
        (lambda: claim("places", 12345.6, digits=0) >= 10_000, "places: 12,346 ≥ 10,000"),
        (lambda: claim("ELBO", -97.25, "nats") <= 0, "ELBO: −97.25 nats ≤ 0 nats"),
        (lambda: claim("only told", 0.5), "only told: 0.50"),
    ],
)
def test_it_reads(made, shown):
    assert repr(made()) == shown


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: claim("share", 0.3, "%", 1) > 1 / 3, "share: 30.0 %, and must be > 33.3 %"),
        (lambda: 0.9 < claim("ratio", 1.2) < 1.1, "ratio: 1.20, and must be < 1.1"),
        (lambda: claim("units", 19) == 20, "units: 19, and must be = 20"),
        (lambda: claim("loss", math.nan) > 0, "loss: nan, and must be > 0"),
        (lambda: claim("loss", math.nan) < 0, "loss: nan, and must be < 0"),
        (lambda: claim("loss", math.nan) == math.nan, "loss: nan, and must be = nan"),
    ],
)
def test_a_bound_that_is_not_kept_ends_the_cell(make, words):
    with pytest.raises(AssertionError) as refusal:
        make()
    assert str(refusal.value) == words


def test_the_page_has_the_number_and_the_text_has_what_holds_on_all_data():
    bundle = claims(
        claim("a < b", 0.25, "%", 1) > 0.2, 1 < claim("c", 2.0, "nats", within=0.05) < 3
    )._repr_mimebundle_()
    assert bundle["text/plain"] == "a < b: holds\nc: holds"
    assert '<th scope="row">a &lt; b</th><td data-value="0.25" data-within="0.001">25.0 %</td>' in bundle["text/html"]
    assert (
        'data-within="0.05">2.00 ± 0.05 nats</td><td><span>&gt; 1</span> and <span>&lt; 3</span></td>'
        in bundle["text/html"]
    )
    assert claim("c", 2.0)._repr_mimebundle_()["text/plain"] == "c: holds"
