"""Chapter 8's second question, bad inventions mended by a model of the codes, with five seeds each: results/priors.json.

python benchmarks/priors.py             # what is not there yet; all of it, some two minutes on one quiet core
python benchmarks/priors.py --record /tmp/again.json    # all of it, somewhere else, to compare

What is fitted, drawn and judged are the page's own cells, run here. A seed decides the draws of the codes, the mixture, the second VAE and
the draws; the models are the shipped ones. It may be stopped, and a later call goes on.
"""

from cells import defined_by, on_mnist
from records import RESULTS, begin, write

PAGE = "chapters/08_rate_distortion.ipynb"
PATH = RESULTS / "priors.json"
CELLS = ["load", "gaussian-vae", "split", "second", "second-vae", "judge"]
BETAS, SEEDS = (0.01, 0.1, 1), 5
PROTOCOL = (
    "The shipped models beta-0.01, beta-0.1 and beta-1. Codes: one draw from the posterior of each of the first 10,000 training images. "
    "Share in percent of 300 pictures of each way that are readable: of their ten nearest of 10,000 training images at least nine "
    "show the same digit"
)


def main() -> None:
    options, record = begin(__doc__, PATH)
    page = on_mnist(defined_by(PAGE, CELLS))
    rows = record.get("rows", {})
    for seed in map(str, range(SEEDS)):
        for beta in BETAS:
            if seed in rows.setdefault(str(beta), {}):
                continue
            drawn = page["inventions"](page["load_pretrained"](f"beta-{beta}"), int(seed))
            row = {way: round(100 * page["readable"](pictures), 2) for way, pictures in drawn.items()}
            rows[str(beta)][seed] = row
            print("beta", beta, "seed", seed, row, flush=True)
            write(options.record, "priors", PROTOCOL, rows=rows)


if __name__ == "__main__":
    main()
