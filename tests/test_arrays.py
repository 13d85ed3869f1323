"""Images that somebody has in memory: taken as they are meant, or refused with the remedy."""

import random
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from torchvision import transforms
from torchvision.datasets import CIFAR10, FashionMNIST, ImageFolder, VisionDataset

from vae_core import VAE, ImageSet, TrainConfig, fit
from vae_core.data import DataError, to_pixels

BYTES = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (20, 3, 32, 32), np.uint8)
LABELS = np.arange(20) % 10


def all_of(images):
    """Train and test together, in the order in which a set without a split would have them."""
    return torch.cat([images.train, images.test]).flatten(1).tolist()


def same(images, wanted):
    return sorted(all_of(images)) == sorted(wanted.reshape(len(wanted), -1).tolist())


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (BYTES, (1, 28, 28)),
        (BYTES[:, 0], (1, 28, 28)),
        (BYTES.reshape(20, 784), (1, 28, 28)),
        (COLOUR, (3, 32, 32)),
        (COLOUR[..., :20], (3, 32, 20)),
    ],
    ids=lambda value: str(getattr(value, "shape", "")),
)
def test_shapes(given, shape, kind):
    images = ImageSet.of(given if kind == "numpy" else torch.from_numpy(np.ascontiguousarray(given)))
    assert images.train.shape == (18, *shape) and images.test.shape == (2, *shape)
    assert images.train.dtype == torch.uint8 and same(images, given)
    assert images.train_labels.tolist() == [0] * 18 and images.test_labels.dtype == torch.int64


def test_channels_last_where_they_cannot_be_first():
    last = COLOUR.transpose(0, 2, 3, 1)
    assert same(ImageSet.of(last), COLOUR) and same(ImageSet.of(torch.from_numpy(last)), COLOUR)
    assert ImageSet.of(BYTES.transpose(0, 2, 3, 1)).train.shape == (18, 1, 28, 28)
    thin = np.arange(20 * 3 * 8 * 3, dtype=np.uint8).reshape(20, 3, 8, 3)
    assert ImageSet.of(thin).train.shape == (18, 3, 8, 3)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4", "longdouble", "bfloat16", "float16", "float32", "float64"])
def test_floats_become_255ths(kind):
    if kind.startswith(("bf", "float")):
        floats = torch.from_numpy(BYTES / 255).to(getattr(torch, kind)).requires_grad_()
    else:
        floats = (BYTES / 255).astype(kind)
    images = ImageSet.of(floats)
    if kind == "bfloat16":  # which has not 256 steps in [0, 1]
        assert len(images.train) == 18
    else:
        assert same(images, BYTES)
    halves = ImageSet.of(np.full((2, 4, 4), 0.5), np.full((1, 4, 4), 1.0))
    assert halves.train.unique().tolist() == [128] and halves.test.unique().tolist() == [255]


def test_a_test_part_is_split_off_by_seed():
    numbered = np.repeat(np.arange(100, 200, dtype=np.uint8), 16).reshape(100, 4, 4)
    images = ImageSet.of(numbered, labels=np.arange(100))
    again, other = ImageSet.of(numbered), ImageSet.of(numbered, seed=1)
    assert len(images.test) == 10 and images.sha256 == again.sha256 != other.sha256
    for part, labels in ((images.train, images.train_labels), (images.test, images.test_labels)):
        assert (part[:, 0, 0, 0].long() - 100).tolist() == labels.tolist() == sorted(labels.tolist())
    assert sorted(images.train_labels.tolist() + images.test_labels.tolist()) == list(range(100))
    assert len(ImageSet.of(numbered, test_share=0.25).test) == 25
    assert len(ImageSet.of(numbered[:2], test_share=0.9).train) == 1


def test_labels_of_every_kind_of_integer():
    for labels in (
        LABELS.tolist(),
        LABELS.astype(np.uint8),
        torch.from_numpy(LABELS),
        torch.from_numpy(LABELS).to(torch.uint8),
    ):
        images = ImageSet.of(BYTES, BYTES[:5], labels, test_labels=labels[:5])
        assert images.train_labels.tolist() == LABELS.tolist() and images.test_labels.tolist() == [0, 1, 2, 3, 4]
        assert images.train_labels.dtype == torch.int64


def test_what_was_passed_stays_as_it_is():
    mine = torch.from_numpy(BYTES.copy())
    images = ImageSet.of(mine, mine)
    images.train.zero_()
    assert mine.equal(torch.from_numpy(BYTES)) and images.test.equal(mine)
    frozen = BYTES.copy()
    frozen.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(ImageSet.of(frozen[:, :, ::-1]), BYTES[:, :, ::-1])


@pytest.mark.parametrize("given", [BYTES.reshape(20, 784) / 255, COLOUR], ids=["grey floats", "colour bytes"])
def test_a_model_learns_from_them(given):
    images = ImageSet.of(given)
    model = VAE(images.input_dim, (8,), 2)
    history = fit(model, images, TrainConfig(epochs=1, batch_size=6, device="cpu"), progress=False)
    assert len(history) == 1 and model.reconstruct(to_pixels(images.test)).shape == (2, images.input_dim)


# --- PyTorch's data sets ---


def idx(path, array):
    path.write_bytes(
        bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()
    )


@pytest.fixture
def fashion(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 20), ("t10k", 6)):
        idx(raw / f"{part}-images-idx3-ubyte", BYTES[:count, 0])
        idx(raw / f"{part}-labels-idx1-ubyte", LABELS[:count].astype(np.uint8))
    return tmp_path


@pytest.mark.parametrize("transform", [None, transforms.ToTensor()], ids=["plain", "ToTensor"])
def test_fashion_mnist_is_taken_whole(fashion, transform, monkeypatch):
    parts = [FashionMNIST(str(fashion), train, transform=transform) for train in (True, False)]
    monkeypatch.setattr(FashionMNIST, "__getitem__", lambda *_: pytest.fail("an item was asked for"))
    images = ImageSet.of(*parts, name="clothes")
    assert images.train.equal(torch.from_numpy(BYTES)) and images.test.equal(torch.from_numpy(BYTES[:6]))
    assert images.train_labels.tolist() == LABELS.tolist() and images.test_labels.tolist() == LABELS[:6].tolist()


def test_a_transform_is_followed(fashion):
    smaller = transforms.Compose([transforms.Resize(14), transforms.ToTensor()])
    images = ImageSet.of(FashionMNIST(str(fashion), transform=smaller))
    assert images.train.shape == (18, 1, 14, 14)
    one = transforms.Resize(14)(Image.fromarray(BYTES[0, 0]))
    assert np.asarray(one).flatten().tolist() in all_of(images)
    moved = FashionMNIST(str(fashion), target_transform=lambda label: label + 100)
    assert ImageSet.of(moved).train_labels.min() >= 100
    normalised = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    with pytest.raises(DataError, match=r"item 0: floats go from -.*leave Normalize out.*\(x \+ 1\) / 2"):
        ImageSet.of(FashionMNIST(str(fashion), transform=normalised))


def test_cifar_is_turned_to_channels_first():
    cifar = CIFAR10.__new__(CIFAR10)  # without its files, which are pickles
    VisionDataset.__init__(cifar, "nowhere")
    cifar.data, cifar.targets = COLOUR.transpose(0, 2, 3, 1), LABELS.tolist()
    images = ImageSet.of(cifar, cifar)
    assert images.train.equal(torch.from_numpy(COLOUR)) and images.train_labels.tolist() == LABELS.tolist()
    part = ImageSet.of(Subset(cifar, [3, 5]), cifar)
    assert part.train.equal(torch.from_numpy(COLOUR[[3, 5]])) and part.train_labels.tolist() == [3, 5]


@pytest.fixture
def folder(tmp_path):
    for label, (size, mode) in {"cat": ((30, 30), "RGB"), "dog": ((40, 30), "P")}.items():
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", size, (200, 10 * number, 60)).convert(mode).save(tmp_path / label / f"{number}.png")
    return tmp_path


def test_an_image_folder_of_one_size(folder):
    square = transforms.Resize((16, 16))
    images = ImageSet.of(ImageFolder(str(folder), transform=square))
    again = ImageSet.of(ImageFolder(str(folder), transform=transforms.Compose([square, transforms.ToTensor()])))
    assert images.train.shape == (5, 3, 16, 16) and images.sha256 == again.sha256
    assert sorted(images.train_labels.tolist() + images.test_labels.tolist()) == [0, 0, 0, 1, 1, 1]


def test_an_image_folder_of_mixed_sizes_is_refused_by_name(folder):
    with pytest.raises(
        DataError, match=r"item 3 is \(3, 30, 40\), .*\(3, 30, 30\).*transform=torchvision.transforms.Resize"
    ):
        ImageSet.of(ImageFolder(str(folder)))


def test_a_tensor_dataset():
    both = TensorDataset(torch.from_numpy(COLOUR / 255), torch.from_numpy(LABELS))
    images = ImageSet.of(both)
    assert same(images, COLOUR) and len(images.train_labels.unique()) > 5
    assert ImageSet.of(TensorDataset(torch.from_numpy(BYTES))).train_labels.unique().tolist() == [0]


class Own(Dataset):
    """A data set of one's own: `items` are what it gives."""

    def __init__(self, *items):
        self.items, self.asked = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.asked += 1
        return self.items[index]


def test_items_of_every_kind():
    grey = Image.fromarray(BYTES[0, 0])
    for item in (grey, BYTES[0, 0], BYTES[0], torch.from_numpy(BYTES[0]), BYTES[0, 0, :, :, None], BYTES[0] / 255):
        dataset = Own(item, item)
        images = ImageSet.of(dataset)
        assert images.train.equal(torch.from_numpy(BYTES[:1])) and dataset.asked == 2
    labelled = Own(*((grey, label) for label in (3, np.int64(4), torch.tensor(5))))
    images = ImageSet.of(labelled, labelled)
    assert images.train_labels.tolist() == [3, 4, 5]
    boxes = Own((grey, {"box": 1}), (grey, {"box": 2}))
    assert ImageSet.of(boxes, labels=[1, 1]).train_labels.tolist() == [1]
    with pytest.raises(DataError, match="labels are object.*labels= of your own"):
        ImageSet.of(boxes)


# --- what is refused ---


class Endless(IterableDataset):
    def __iter__(self):
        return iter([])


REFUSED = {
    "int64": (BYTES.astype(np.int64), r"pixels are int64, not uint8.*astype\('uint8'\)"),
    "int32 tensor": (torch.from_numpy(BYTES).int(), r"pixels are int32.*to\(torch.uint8\)"),
    "uint16": (BYTES.astype(np.uint16), "pixels are uint16.*x / 65535"),
    "bool": (BYTES > 127, r"pixels are bool.*x \* 1.0"),
    "bits as bytes": ((BYTES > 127).astype(np.uint8), "brightest pixel is 1 of 255.*by 255"),
    "complex": (BYTES.astype(complex), "pixels are complex128"),
    "objects": (np.array([[[None]], [[None]]]), "pixels are objects.*np.stack"),
    "masked": (np.ma.masked_greater(BYTES, 200), r"masked array.*x.filled\(0\)"),
    "text": (np.array([["a"] * 4] * 3), "pixels are <U1"),
    "up to 255": (BYTES.astype(np.float32), "floats go from 0 to 255.*divide by 255"),
    "from -1": (BYTES / 127.5 - 1, r"floats go from -1 to 1.*\(x \+ 1\) / 2"),
    "z-scores": (BYTES / 50 - 2, "floats go from -2 to 3.1.*rescale"),
    "NaN": (np.where(BYTES == 7, np.nan, BYTES / 255), "not a number.*nan_to_num"),
    "infinite": (np.where(BYTES == 7, np.inf, BYTES / 255), "floats go from 0 to inf"),
    "empty": (BYTES[:0], r"\(0, 1, 28, 28\).*at least one"),
    "no pixels": (BYTES[..., :0], "at least one"),
    "no square": (COLOUR.reshape(20, -1), r"3072 pixels are no square.*reshape\(-1, 3, 32, 32\)"),
    "one picture": (COLOUR[0], r"looks like one picture in colour.*x\[None\]"),
    "one picture, channels last": (COLOUR[0].transpose(1, 2, 0), "looks like one picture"),
    "four channels": (np.concatenate([COLOUR, COLOUR[:, :1]], 1), r"\(20, 4, 32, 32\), neither grey.*x\[:, :3\]"),
    "two channels": (COLOUR[:, :2], r"\(20, 2, 32, 32\), neither grey.*keep one, x\[:, :1\]"),
    "four channels, last": (np.zeros((20, 32, 32, 4), np.uint8), "neither grey"),
    "labels for images": (LABELS, r"images are \(20,\).*labels="),
    "five axes": (BYTES[None], r"\(1, 20, 1, 28, 28\).*\(N, C, H, W\)"),
    "a number": (np.float32(3), "not as float32"),
    "a list": ([BYTES[0], BYTES[1]], "not as list.*np.stack"),
    "a pair": ((BYTES, LABELS), "not as tuple.*labels="),
    "a path": ("photos", r"not as str.*load_images\('folder'"),
    "a loader": (DataLoader(TensorDataset(torch.from_numpy(BYTES))), "not as DataLoader.*loader.dataset"),
    "no length": (Endless(), "not as Endless.*no length"),
    "nothing": (None, "not as NoneType"),
    "an image set": (ImageSet.of(BYTES), "not as ImageSet"),
    "an empty data set": (Own(), "Own is empty"),
    "a dict": (Own({"image": BYTES[0]}), "item 0 is dict"),
    "items of two kinds": (Own(BYTES[0], "text"), "item 1 is str"),
    "float labels": (TensorDataset(torch.from_numpy(BYTES), torch.rand(20)), r"labels are float64 \(20,\)"),
}


@pytest.mark.parametrize(("given", "why"), REFUSED.values(), ids=REFUSED)
def test_the_rest_is_refused_by_name_and_remedy(given, why):
    with pytest.raises(DataError, match=f"mine.*{why}"):
        ImageSet.of(given, name="mine")


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (LABELS[:7], "20 images but 7 labels"),
        (LABELS / 2, "labels are float64.*not one integer"),
        (LABELS > 3, "labels are bool"),
        (np.eye(10)[LABELS], r"float64 \(20, 10\).*argmax\(1\)"),
        ([f"class {i}" for i in LABELS], "<U7.*np.unique"),
        ([[1], [1, 2]], "labels are list, not one integer"),
        (3, r"labels are int64 \(\)"),
    ],
)
def test_labels_that_are_none_are_refused(labels, why):
    with pytest.raises(DataError, match=why):
        ImageSet.of(BYTES, labels=labels)


def test_a_split_that_cannot_be_is_refused():
    for share in (0, 1, -0.1, 20):
        with pytest.raises(DataError, match=f"test_share is {share}"):
            ImageSet.of(BYTES, test_share=share)
    with pytest.raises(DataError, match="one image cannot be split"):
        ImageSet.of(BYTES[:1])
    with pytest.raises(DataError, match="pass test_labels="):
        ImageSet.of(BYTES, BYTES, LABELS)
    with pytest.raises(DataError, match="test_labels but no test images"):
        ImageSet.of(BYTES, labels=LABELS, test_labels=LABELS)
    with pytest.raises(DataError, match=r"\(1, 28, 28\) in train, \(3, 32, 32\) in test"):
        ImageSet.of(BYTES, COLOUR)


def test_the_constructor_names_the_other_way(digits):
    for images, labels in (
        (BYTES, LABELS),
        (torch.from_numpy(BYTES), None),
        (torch.from_numpy(BYTES / 255), digits.test_labels),
    ):
        with pytest.raises(DataError, match=r"ImageSet.of\(train, test, labels\)"):
            ImageSet("mine", images, images, labels, labels)  # pyright: ignore[reportArgumentType]


# --- memory ---


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path):
    endless = np.broadcast_to(np.zeros((), np.float32), (10**8, 3, 256, 256))
    with pytest.raises(DataError, match=r"19,660.8 GB of memory to read, and [\d.,]+ GB are free: take fewer"):
        ImageSet.of(endless)
    with pytest.raises(DataError, match="GB are free"):
        ImageSet.of(torch.zeros((), dtype=torch.uint8).expand(10**8, 3, 256, 256))

    class Long(Own):
        def __len__(self):
            return 10**12

        def __getitem__(self, index):
            self.asked += 1
            return COLOUR[0]

    long = Long()
    with pytest.raises(DataError, match="GB are free"):
        ImageSet.of(long)
    assert long.asked == 1


def test_a_file_of_numbers_is_read_in_parts(tmp_path, monkeypatch):
    """Floats of twenty images are never all in memory at once, and those on disk may be more than fit."""
    from vae_core.sources import arrays

    mapped = np.memmap(tmp_path / "numbers", np.float32, "w+", shape=BYTES.shape)
    mapped[:] = BYTES / 255
    most = []
    whole = arrays._bytes
    monkeypatch.setattr(arrays, "_bytes", lambda chunk, name: (most.append(len(chunk)), whole(chunk, name))[1])
    monkeypatch.setattr(arrays, "AT_ONCE", 3 * 784)
    assert same(ImageSet.of(mapped), BYTES)
    assert max(most) == 3 and sum(most) == 20


def test_where_nobody_tells_what_is_free(monkeypatch):
    from vae_core.sources import memory

    monkeypatch.setattr(memory, "free_memory", lambda: None)
    with pytest.raises(DataError, match="which the system does not give"):
        memory.room_for((10**9, 10**9), "mine", "take fewer")
    monkeypatch.undo()
    monkeypatch.setattr(memory.Path, "is_file", lambda _: False)
    assert (memory.free_memory() or 0) > 10**8
    monkeypatch.setattr(memory.os, "sysconf", lambda _: (_ for _ in ()).throw(ValueError), raising=False)
    assert memory.free_memory() is None


# --- whatever comes ---


def test_nothing_is_taken_for_something_else():
    """Arrays of all kinds and shapes: each becomes what it was, or is refused with a sentence."""
    rng = random.Random(0)
    taken = 0
    for number in range(600):
        shape = tuple(rng.choice([0, 1, 2, 3, 4, 7, 9, 16]) for _ in range(rng.randrange(6)))
        kind = rng.choice(
            [
                "uint8",
                "float32",
                "float64",
                "float16",
                "int64",
                "bool",
                "complex64",
                "O",
                "U3",
                ">f8",
                "int8",
                "uint8",
                "float32",
            ]
        )
        draw = np.random.default_rng(number).integers(0, 256, shape)
        scale = rng.choice([255, 1, 127]) if "f" in kind else 1
        array = (draw / scale).astype(kind) if "f" in kind else draw.astype(kind)
        try:
            images = ImageSet.of(array, name=f"array {number}")
        except DataError as error:
            assert f"array {number}" in str(error) and len(str(error)) > 40
            continue
        taken += 1
        pixels = np.moveaxis(array, -1, 1) if array.ndim == 4 and shape[1] not in (1, 3) else array
        exact = np.round(pixels.astype(float) * (1 if kind == "uint8" else 255)).astype(np.uint8)
        assert same(images, exact)
    assert taken > 20
