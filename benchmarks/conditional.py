"""Chapter 12's conditional VAE beside the same VAE that is not told the class, with three seeds each: results/conditional.json.

python benchmarks/conditional.py             # what is not there yet; all of it, some two minutes on one quiet core
python benchmarks/conditional.py --record /tmp/again.json    # all of it, somewhere else, to compare

It may be stopped, and a later call goes on. What reads the class from codes is the page's own cell, run here.
"""

from cells import defined_by, on_mnist
from records import RESULTS, begin, write

from vae_core import TrainConfig, fit
from vae_core.metrics import evaluate
from vae_core.presets import build_seeded

PAGE = "chapters/12_at_work.ipynb"
PATH = RESULTS / "conditional.json"
COUNT, EPOCHS, SEEDS = 20_000, 15, 3
PROTOCOL = (
    f"One hidden layer of 200 units on either side, {COUNT:,} grey training images, {EPOCHS} epochs, one-cycle to 3e-3, batch 128. rate, "
    "distortion and elbo: of the 10,000 test images, two draws each. line and near: percent of 5,000 test images whose class logistic "
    "regression, and ten neighbours, read from the posterior means, learnt on those of 5,000 training images"
)


def main() -> None:
    options, record = begin(__doc__, PATH)
    page = on_mnist(defined_by(PAGE, ["imports", "load", "probe"]))
    sets = {"not told": page["images"].first(COUNT), "told the class": page["told"].first(COUNT)}
    rows = record.get("rows", {})
    for seed in range(SEEDS):
        for units in (2, 10):
            for kind, images in sets.items():
                runs = rows.setdefault(f"{units} units, {kind}", {})
                if str(seed) in runs:
                    continue
                name = "VAE" if kind == "not told" else "ConditionalVAE"
                config = {"model": name, "input_dim": images.input_dim, "hidden_dims": [200], "latent_dim": units}
                model = build_seeded(config, seed)
                fit(model, images, TrainConfig(epochs=EPOCHS, lr=3e-3, schedule="one-cycle", seed=seed, device="cpu"))
                terms = evaluate(model, images.test, num_samples=2)
                line, near = page["read_class"](model, images)
                found = {"rate": terms.rate, "distortion": terms.distortion, "elbo": terms.elbo}
                found |= {"line": 100 * line, "near": 100 * near}
                runs[str(seed)] = {key: round(float(value), 2) for key, value in found.items()}
                print(units, kind, seed, runs[str(seed)], flush=True)
                in_order = dict(sorted(rows.items(), key=lambda row: (int(row[0].split()[0]), row[0])))
                write(options.record, "conditional", PROTOCOL, rows=in_order)


if __name__ == "__main__":
    main()
