# The Explorable VAE. Each target makes the .venv where there is none and installs what is missing: `make book` is enough on a fresh machine.
PYTHON ?= python3
PY     := .venv/bin/python
READY  := .venv/installed
BOOK   := .venv/bin/jupyter-book build -W -n --keep-going -q
# Sphinx rebuilds a page when its source changes; for a change of look or settings it has to be told
LOOK    = $(shell find _static _ext _templates _config.yml -newer _build/html/_static/page.css 2>/dev/null)
NBVAL  := --nbval --nbval-current-env --nbval-cell-timeout=1200 --nbval-sanitize-with tests/notebooks/sanitize.cfg
say     = @printf '\n\033[1m== %s\033[0m\n' "$(1)"

# notebooks run in their own folder, so a relative path would mean something else there (a path may hold spaces)
ifdef VAE_DATA
export VAE_DATA := $(shell $(PYTHON) -c 'import os, sys; print(os.path.abspath(sys.argv[1]))' "$(VAE_DATA)")
endif
# the JavaScript that is held to its types; tests hand over wrong things on purpose, so of those the style alone is
JS     := vae_core/labs/js _static _ext
export DENO_NO_UPDATE_CHECK := 1
# what Python reads and prints is UTF-8, whatever the terminal is set to
export PYTHONUTF8 := 1

# test processes with two threads each would fight over two cores; and what is committed is what the tests compute
# (on a busy machine two threads wait for each other: one chapter took nine minutes in place of one)
units browser notebooks chapters: export OMP_NUM_THREADS := 1
# three processes keep two cores busy, for a browser waits for its next frame half of the time; tests of one file, or of one
# visit to a page, stay together (tests/conftest.py)
SIDE_BY_SIDE := -n 3 --dist loadfile
# what pytest says of a part, for the summary at the end of `make test`
REPORT  = --junitxml=_build/tests/$@.xml

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book site site-anew test quick check format units browser notebooks links colab lab chapters weights bench scoreboard refusals lock audit serve clean

help:
	@echo "make book      build the book into _build/html"
	@echo "make site      pack the book into one zip that opens anywhere, with its SHA-256"
	@echo "make test      every check: style, types, units, the book in a browser, every notebook"
	@echo "make quick     style, types, and the tests and notebooks that your changes touch: a minute, half a minute more for each notebook"
	@echo "make check, units, browser, notebooks   the parts of make test, each alone"
	@echo "make format    lay out code and notebooks as the style check wants them"
	@echo "make colab     run every notebook and lab with Colab's versions (its own environment, some 5 GB the first time)"
	@echo "make lab       open the book's notebooks in JupyterLab"
	@echo "make serve     show the built book on http://127.0.0.1:8000"
	@echo "make chapters  re-execute in place the notebooks that changed (ALL=1: all; ONLY=chapters/01_ae_vs_vae.ipynb: one)"
	@echo "make weights   train the small models that the labs ship with (ONLY=vae-12 EPOCHS=20: one, of any latent dimension)"
	@echo "make links     follow every link to another site (needs a network)"
	@echo "make bench     time the trainer on this machine"
	@echo "make scoreboard  the published test likelihoods of MNIST, and those measured here"
	@echo "make refusals  count the damaged files that this book and others accept"
	@echo "make lock      resolve requirements.lock anew; with LOCKED=1 a new .venv is installed from it"
	@echo "make audit     ask for known vulnerabilities in what is locked"
	@echo "make clean     remove what was built (the environment stays)"

$(READY): requirements.txt pyproject.toml
	$(call say,Installing the book's tools and vae_core into .venv: 5 to 7 GB the first time)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; %s is %s. Say make PYTHON=/path/to/python3" % (sys.executable, sys.version.split()[0]))'
	@test -x $(PY) || $(PYTHON) -m venv .venv || { echo "No virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }
	$(PY) -m pip install --quiet --disable-pip-version-check $(if $(LOCKED),--require-hashes -r requirements.lock,-r requirements.txt)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

book: $(READY)
	$(call say,Building the book from its committed outputs)
	@$(BOOK) $(if $(LOOK),--all) .

# from scratch, so that the same sources give the same bytes
site: $(READY)
	$(call say,Building the book from scratch and packing it into _build/site)
	@rm -rf _build/html _build/.doctrees
	@$(BOOK) --all .
	$(PY) tools/pack_site.py

# cheap first: a slip of style is found in seconds. Side by side is what leaves cores idle alone: a check, a build, a browser that waits
test: $(READY)
	@MAKE="$(MAKE)" $(PY) tools/test_parts.py check+site-anew units browser+notebooks
	$(call say,Everything passed)

quick: $(READY)
	@MAKE="$(MAKE)" $(PY) tools/quick.py

format: $(READY)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

check: $(READY)
	$(call say,Style: ruff)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(call say,Types: pyright)
	$(PY) -m pyright
	$(call say,JavaScript: style and types by deno; node --test tests/js/)
	.venv/bin/deno lint --quiet $(JS) tests/js
	.venv/bin/deno check --quiet --no-remote --no-npm $(JS) tests/js/scribe.mjs
	@command -v node >/dev/null || { echo "Node.js 18 or newer is needed to test the labs' JavaScript; on Debian: apt-get install nodejs"; exit 1; }
	node --test $(wildcard tests/js/*.test.mjs)
	$(call say,Workflows: their schema and zizmor)
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv/bin/zizmor --offline --quiet --persona=pedantic .github

# in the order of their files: by number of tests, as else, the few that start processes of their own would come last
units: $(READY)
	$(call say,Units: numbers and faults)
	$(PY) -m pytest tests --ignore=tests/browser $(SIDE_BY_SIDE) --no-loadscope-reorder $(REPORT)

site-anew: $(READY)
	$(call say,Building the book from scratch: every warning is an error)
	@rm -rf _build/html
	@$(BOOK) --all .

browser: $(READY) $(if $(BUILT),,site-anew)
	$(call say,The built book in Chromium with the network shut)
	$(PY) -m pytest tests/browser $(SIDE_BY_SIDE) $(REPORT)

notebooks: $(READY)
	$(call say,Every notebook from top to bottom: what it prints must be what is committed)
	$(PY) -m pytest $(NBVAL) $(SIDE_BY_SIDE) $(REPORT) $(or $(ONLY),intro.ipynb playground.ipynb chapters)

links: $(READY)
	$(call say,Following every link to another site)
	@$(BOOK) --all --builder=linkcheck .

# not a part of `make test`: the first time it asks a registry for Colab's versions
colab: export OMP_NUM_THREADS := 1
colab: $(READY)
	$(call say,The book as Colab runs it: a wheel of the package and Colab's versions in an empty folder)
	$(PY) tools/colab_standin.py $(if $(COLAB_PYTHON),--python $(COLAB_PYTHON)) $(ONLY)
	$(call say,The labs under ipywidgets 7.7.1 in Chromium)
	$(PY) -m pytest tests/browser/test_labs_colab.py -m colab

lab: $(READY)
	$(PY) -m jupyterlab intro.ipynb

chapters: $(READY)
	$(call say,Re-executing in place the notebooks that changed)
	$(PY) tools/run_notebooks.py $(if $(ALL)$(ONLY),--all) $(or $(ONLY),intro.ipynb playground.ipynb chapters)

weights: $(READY)
	$(PY) -m vae_core weights $(ONLY) $(if $(EPOCHS),--epochs $(EPOCHS))

bench: $(READY)
	$(PY) benchmarks/bench.py

scoreboard: $(READY)
	@$(PY) benchmarks/scoreboard.py

refusals: $(READY)
	$(PY) benchmarks/refusals.py

lock: $(READY)
	$(call say,Resolving every dependency for every platform: with its hashes)
	@printf '%s\n' '# Every package of requirements.txt and what it needs, for every platform and Python 3.11 and newer, by hash.' \
	  '# Made by `make lock`; CI installs it with `make LOCKED=1`.' > requirements.lock.part
	@.venv/bin/uv pip compile requirements.txt --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-header --no-annotate --no-emit-index-url --quiet >> requirements.lock.part
	@mv requirements.lock.part requirements.lock

audit: $(READY)
	$(call say,Known vulnerabilities of what requirements.lock names)
	@.venv/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock || \
	  { echo "make audit: a package above has a known vulnerability, or the service that knows them could not be reached"; exit 1; }

serve: book
	$(PY) -m http.server --bind 127.0.0.1 --directory _build/html 8000

clean:
	rm -rf _build .pytest_cache .ruff_cache
