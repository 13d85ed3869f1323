"""TrainingLab's Python side: an album changes nothing, and holds what PyTorch computes."""

import numpy as np
import pytest
import torch
from drive import frames, state_of

from vae_core import VAE, Autoencoder, ConvVAE, ImageSet, TrainConfig, fit
from vae_core.labs import TrainingLab
from vae_core.labs.pack import read
from vae_core.labs.training import EARLY, Album, record
from vae_core.metrics import evaluate
from vae_core.training import Run

CONFIG = TrainConfig(epochs=2, batch_size=16, device="cpu")


@pytest.fixture(scope="module")
def few(digits):
    return digits.first(256, 100)


def small() -> VAE:
    torch.manual_seed(0)
    return VAE(hidden_dims=(16,), latent_dim=3)


@pytest.fixture(scope="module")
def album(few) -> Album:
    return record(small(), few, CONFIG)


def test_an_album_leaves_no_trace_in_the_training(few, album):
    plain = small()
    fit(plain, few, CONFIG, progress=False)
    for ours, theirs in zip(plain.parameters(), album.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_record_holds_early_steps_and_every_epoch(album):
    assert album.steps_per_epoch == 16
    assert album.steps == [0, *(step for step in EARLY if step < 16), 16, 32]
    assert len(album.drawn) == len(album.terms["train"]) == len(album.terms["test"]) == len(album.steps)


def test_a_snapshot_is_what_the_model_was_at_that_step(few):
    model = small()
    run, album = Run(model, few, CONFIG, None), Album(model, few, CONFIG)
    for batch in run.batches()[:5]:
        run.advance(batch)
    album.take(5)
    assert model.training  # taking a snapshot hands the model back as it was
    measured = evaluate(model, few.test)
    assert album.terms["test"] == [(pytest.approx(float(measured.rate), abs=1e-9), float(measured.distortion))]
    with torch.no_grad():
        drawn = torch.cat([model.reconstruct(album.x), torch.sigmoid(model.decode(album.z))])
    assert (album.drawn[0].float() / 255 - drawn).abs().max() <= 0.5 / 255 + 1e-6
    assert album.x.shape == (10, 784)


def test_fit_takes_an_album_as_its_callback(few):
    model = small()
    album = Album(model, few, CONFIG)
    album.take(0)
    history = fit(model, few, CONFIG, callback=album, progress=False)
    assert album.steps == [0, 16, 32]
    assert [rate + distortion for rate, distortion in album.terms["test"][1:]] == pytest.approx(
        [-value for value in history["test_elbo"]], abs=1e-9
    )


def test_what_is_packed_is_the_album(album):
    lab = TrainingLab(album)
    spec, data = lab.canvas.spec, lab.canvas.data
    again, invented = read(data, spec["again"]), read(data, spec["invented"])
    assert again.shape == invented.shape == (len(album.steps), 10, 784)
    for i, drawn in enumerate(album.drawn):
        np.testing.assert_array_equal(np.concatenate([again[i], invented[i]]), drawn)
    assert spec["terms"] == album.terms


def test_the_pictures_words_hold_of_any_run(album):
    """Of how often it was drawn, and of the loss before and after, whichever way that went."""
    first, last = (sum(album.terms["test"][i]) for i in (0, -1))
    words = TrainingLab(album).canvas.fallback
    assert f"after {album.steps[-1]} steps" in words and f"from {first:.1f} to {last:.1f} nats" in words


def test_the_lab_reads_back_where_it_stands(album):
    lab = TrainingLab(album)
    lab.controls["snapshot"].value = 2.0
    assert lab.step == album.steps[2]
    assert lab.terms == {"train": album.terms["train"][2], "test": album.terms["test"][2]}
    lab.controls["snapshot"].value = len(album.steps) - 1.0
    np.testing.assert_allclose(lab.answer(), album.drawn[-1] / 255, atol=0.5 / 255 + 1e-6)


def test_a_run_without_whole_epochs_offers_no_view_of_them(few):
    model = small()
    run, album = Run(model, few, CONFIG, None), Album(model, few, CONFIG)
    for step, batch in enumerate(run.batches()[:3]):
        album.take(step)
        run.advance(batch)
    lab = TrainingLab(album)
    assert "span" not in lab.controls and set(lab.controls) == {"snapshot", "curves"}


@pytest.mark.parametrize(("classes", "shown", "words"), [(1, 10, "Ten test images"), (3, 3, "3 test images")])
def test_it_shows_one_image_of_each_class_or_ten_where_there_are_none(classes, shown, words):
    images = ImageSet.of(torch.rand(100, 8, 8), labels=torch.arange(100) % classes)
    torch.manual_seed(0)
    run = record(VAE(64, (8,), 2), images, TrainConfig(epochs=1, batch_size=30, device="cpu"))
    assert run.x.shape == (shown, 64) and run.drawn[0].shape == (shown + 10, 64)
    assert f'alt="{words}; below them the same {words.split()[0].lower()} as' in TrainingLab(run).canvas.fallback


def test_bad_albums_are_named(few):
    with pytest.raises(ValueError, match="VAE takes 64 numbers an image, and the images have 28 × 28"):
        Album(VAE(64, (8,), 2), few, CONFIG)
    album = Album(small(), few, CONFIG)
    with pytest.raises(ValueError, match="holds 0 of the 2 or more snapshots"):
        TrainingLab(album)
    album.take(3)
    with pytest.raises(ValueError, match="step 3 does not come after step 3"):
        album.take(3)
    with pytest.raises(ValueError, match="needs a VAE, not Autoencoder"):
        Album(Autoencoder(latent_dim=2), few, CONFIG)
    list(album.model.parameters())[-1].data.fill_(float("nan"))
    with pytest.raises(ValueError, match="after step 4 the loss is not finite"):
        album.take(4)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_shows_a_convolutional_run_grey_or_in_colour(channels):
    """Each picture that is painted is the model's, channel by channel, and no sentence of the book's own run stands below."""
    torch.manual_seed(0)
    images = ImageSet.of(torch.rand(400, channels, 12, 12), labels=torch.arange(400) % 10)
    model = ConvVAE(channels, 12, (4, 8), 16, 3)
    lab = TrainingLab(record(model, images, TrainConfig(epochs=2, batch_size=180, device="cpu")))
    assert lab.canvas.spec["steps"] == []
    lab.controls["snapshot"].value = len(lab.album.steps) - 1.0
    (frame,) = frames(lab, state_of(lab))
    drawn = [np.array(each["pixels"]) for each in frame["pictures"]]
    assert len(drawn) == 30 and {len(each) for each in drawn} == {channels * 144}
    np.testing.assert_allclose(drawn[:10], lab.album.x, atol=0.5 / 255 + 1e-4)
    np.testing.assert_allclose(drawn[10:], lab.answer(), atol=0.5 / 255 + 1e-4)
    assert "digit" not in frame["summary"]
