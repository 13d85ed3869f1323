"""The playground's speed: the record of it, and that what is compared computes the same."""

import json

import playground


def test_both_engines_run_and_only_the_products_differ():
    speeds = playground.measure(rounds=1, steps=2)
    assert {name: len(values) for name, values in speeds.items()} == {"tiles": 1, "naive": 1}


def test_the_record_keeps_what_was_asked():
    """250 steps a second, and four times a naive triple loop measured beside it."""
    record = json.loads(playground.PATH.read_text(encoding="utf-8"))
    assert record["median"]["tiles"] >= 250 and record["times as fast"] >= 4
    assert all(len(values) >= 5 for values in record["steps a second"].values())
