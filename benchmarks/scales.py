"""Chapter 12's small diffusion of codes that were brought to other standard deviations, three seeds each: results/scales.json.

python benchmarks/scales.py             # what is not there yet; all of it, some four minutes on one quiet core

The diffusion, what it draws and what judges that are the page's own cells, run here. A seed decides the network, its training and what
it draws; the codes are one draw for each of the first 10,000 training images.
"""

from cells import defined_by, on_mnist
from records import RESULTS, begin, write

PAGE = "chapters/12_at_work.ipynb"
PATH = RESULTS / "scales.json"
CELLS = ["imports", "load", "neighbours", "codes", "way", "diffuse", "denoise", "readable"]
SEEDS = 3
WAYS = {  # the standard deviation given, and what else is changed
    "0.1": (0.1, {}),
    "0.3": (0.3, {}),
    "1": (1, {}),
    "10": (10, {}),
    "30": (30, {}),
    "30, in 1,000 steps": (30, {"steps": 1000}),
    "0.1, with a schedule to match": (0.1, {"ratio": 0.1}),
    "30, with a schedule to match": (30, {"ratio": 30}),
}
PROTOCOL = (
    "The shipped model latent-16. Row: the standard deviation that its codes are brought to before the diffusion is trained; of 50 steps, or "
    "1,000; with places on the way drawn and stepped through so that noise over code is at each what it is for codes of 1. readable: percent "
    "of 300 drawn pictures of whose ten nearest of 10,000 training images at least nine show the same digit, and that have ink. width: the standard "
    "deviation of the drawn codes over that of the real ones"
)


def main() -> None:
    options, record = begin(__doc__, PATH)
    page = on_mnist(defined_by(PAGE, CELLS))
    rows = {name: {} for name in WAYS} | record.get("rows", {})
    z = page["z"]
    for seed in map(str, range(SEEDS)):
        for name, (times, changed) in WAYS.items():
            if seed in rows[name]:
                continue
            drawn = page["by_diffusion"](z, times, int(seed), **changed)
            share = page["readable"](page["latent"].draw(drawn))
            rows[name][seed] = {
                "readable": round(100 * share, 2),
                "width": round((drawn.std() / z.std()).item(), 3),
            }
            print(name, "seed", seed, rows[name][seed], flush=True)
            write(options.record, "scales", PROTOCOL, rows=rows)


if __name__ == "__main__":
    main()
