# What people and machines type. `make` alone lists the targets.

# The first of these that is Python 3.11 or later makes .venv; e.g. `make install PYTHON=python3.13`.
PYTHON ?= python3.11 python3.12 python3.13 python3
# Which lock to install from, envs/$(LOCK).lock: cpu, or cuda to pin the CUDA libraries as well.
LOCK ?= cpu
# Further options of snakemake, e.g. `make mini SNAKEMAKE_FLAGS=--dry-run`.
SNAKEMAKE_FLAGS ?=

# The base of the image and where it comes from, see containers/README.md; further options of the build.
BOOTSTRAP ?= docker
BASE ?= python@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
BUILD_FLAGS ?=
TORCH := 2.13.0
# Not among the locked ones: where it is installed, every job takes two seconds to import it.
EIGHT_BIT := bitsandbytes==0.50.2
# Nor these, which a suite asks for: sacrebleu, and what it imports beyond what is locked.
CAPTIONS := sacrebleu==2.6.0 portalocker lxml colorama
# Nor this: of it and of what it asks for, tests of the page want one file, axe-core.
AXE := axe-playwright-python==0.1.8
# Nor this: it is read where a model comes in that format, once, and no job imports it.
GGUF := gguf==0.19.0

# What of a user's shell and pip's own file would install elsewhere than into the environment.
ALONE := env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT -u PYTHONHOME -u PYTHONPATH PIP_USER=0

VENV := .venv
BIN := $(VENV)/bin
# By content: times of files tell nothing of a lock that came with an archive or another clock.
INSTALLED := $(VENV)/.installed-$(LOCK)-$(shell cat pyproject.toml envs/$(LOCK).lock | cksum | cut -d' ' -f1)
# What builds the documentation is no part of the lock: it changes no result.
DOCUMENTED := $(VENV)/.documented-$(LOCK)-$(shell cat pyproject.toml envs/$(LOCK).lock envs/docs.lock | cksum | cut -d' ' -f1)
PAGES := README.md CONTRIBUTING.md CHANGELOG.md LICENSE docs benchmarks/README.md containers/README.md envs/README.md results/README.md
# The suite whose tables are shown; a call that only looks makes none.
SHOWN = $(if $(filter -n --dry-run --dryrun,$(SNAKEMAKE_FLAGS)),,$@)

WITH_GGUF = $(ALONE) $(BIN)/pip install --quiet --upgrade --no-deps --target $(VENV)/gguf $(GGUF)

SUITES := mini mini-face-qa mini-full mini-membership mini-meta mini-methods mini-methods-sweep mini-noise mini-published mini-requests mini-stress mini-sweep mini-tradeoff mini-vision mini-vision-tradeoff portraits portraits-vision tofu tofu-noise tofu-smollm tofu-tradeoff

# A job that finds no bytecode compiles the package, and reads all of it for its fingerprint.
unexport PYTHONDONTWRITEBYTECODE

# The rules call `clearbench` by its name.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install $(SUITES) rehearsal test cluster lint lock docs container picture clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[^\t#]*:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## make .venv with everything in it, unless it is up to date

$(INSTALLED): | $(BIN)/python
	@$(BIN)/pip --version >/dev/null 2>&1 || { \
	  echo "make: $$PWD: scripts of Python environments do not start in a folder of this name; name it otherwise," \
	    "without any of \" \$$ \` \\, and remove $(VENV)" >&2; exit 1; }
	@echo "installing into $(VENV): some 120 packages, 2 GB; a few minutes"
	$(ALONE) $(BIN)/pip install --disable-pip-version-check -c envs/$(LOCK).lock -e '.[dev]'
	@rm -f $(VENV)/.installed-*; touch $@

$(BIN)/python:
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "$$python -m venv $(VENV)"; exec $(ALONE) $$python -m venv $(VENV); \
	  fi; \
	done; echo "make: no Python 3.11 or later among: $(PYTHON)" >&2; exit 1

mini: ## run the default suite to its tables: minutes, no GPU
mini-face-qa: ## see whether a face still brings back a biography: the same facts by picture and by name
mini-full: ## run mini at three forget sizes
mini-membership: ## see whether attacks tell who was forgotten from persons whom no model was trained on
mini-meta: ## judge the metrics by models of which it is known what they know; takes over what mini has made
mini-methods: ## compare all methods, the later ones too, at equal retention; takes over what mini has made
mini-methods-sweep: ## choose how strongly the later methods forget, on other persons; takes over what mini has made
mini-noise: ## tell bases, fine-tunings, unlearning and persons apart in the noise of some of mini's rows
mini-published: ## run methods by their papers beside what the published code does
mini-requests: ## forget three groups of persons one after another, beside 10 % at once; takes over what mini has made
mini-stress: ## see what a little relearning, a rounding or other words bring back in the models of mini; takes over what mini has made
mini-sweep: ## choose the learning rates of mini on other persons; takes over what mini has made
mini-tradeoff: ## compare the methods of mini at equal retention; takes over what mini has made
mini-vision: ## run the vision domain: faces, a tiny ResNet, shadow models
mini-vision-tradeoff: ## compare the methods of mini-vision at equal retention; takes over what that has made
portraits: ## forget persons of your own folder of portraits, data/portraits, with lives that are made up
portraits-vision: ## run the vision domain on the same portraits
tofu: ## run the text domain on TOFU's question-answer pairs
tofu-noise: ## tell the parts of the noise of some of tofu's rows; takes over what tofu has made
tofu-smollm: ## run TOFU's texts on a real pretrained model, SmolLM2-135M, which pip brings; an hour
tofu-tradeoff: ## compare the methods of tofu at equal retention; takes over what that has made
$(SUITES): install
	$(if $(filter tofu-smollm,$(SHOWN)),-$(WITH_GGUF))
	$(if $(filter tofu-smollm,$(SHOWN)),PYTHONPATH=$(VENV)/gguf $(BIN)/clearbench fetch --suite $@)
	$(BIN)/python -m clearbench.warm snakemake $(SNAKEMAKE_FLAGS) --config suite=$@
	$(if $(SHOWN),$(BIN)/clearbench show --suite $@)
	$(if $(SHOWN),@echo "Open in a browser: results/$@/report/report.html")
	$(if $(filter mini,$(SHOWN)),@$(BIN)/python docs/compare.py results/mini/tables/comparison.md)
	$(if $(filter mini,$(SHOWN)),@echo "Next: make mini-vision asks the same of an image model alone.")

rehearsal: install ## try a suite's whole way on this machine, ten minutes of a GPU: writes the tables of docs/performance.md
	$(BIN)/python benchmarks/rehearsal.py --write docs/performance.md

test: install ## run all tests but those on a cluster
	@# Where there is no such package for the machine, its tests say that they are skipped.
	-$(ALONE) $(BIN)/pip install --quiet --upgrade --no-deps --target $(VENV)/8bit $(EIGHT_BIT)
	-$(ALONE) $(BIN)/pip install --quiet --upgrade --no-deps --target $(VENV)/captions $(CAPTIONS)
	-$(ALONE) $(BIN)/pip install --quiet --upgrade --no-deps --target $(VENV)/axe $(AXE)
	-$(WITH_GGUF)
	OMP_NUM_THREADS=1 PYTHONPATH=$(VENV)/8bit $(BIN)/pytest -rs tests/models/test_resume.py -k eight_bit
	PYTHONPATH=$(VENV)/captions $(BIN)/pytest -rs tests/unit/test_bleu.py
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 8 --dist loadfile --ignore tests/cluster

cluster: install ## bring up SLURM and Apptainer on this machine (Debian 12, as root), run the tests on them
	tests/cluster/install.sh
	OMP_NUM_THREADS=1 $(BIN)/pytest -rs tests/cluster

lint: install ## run ruff, snakefmt, snakemake --lint and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/mypy containers/selftest.py

# The CPU lock is the CUDA lock without the libraries that only the CUDA build of torch asks for.
lock: $(BIN)/python ## renew envs/*.lock with the newest versions (reads metadata, downloads no packages)
	$(ALONE) $(BIN)/pip install --quiet uv
	echo 'torch==$(TORCH)' | $(BIN)/uv pip compile --quiet --python-version 3.11 --extra dev \
	  --no-header --no-annotate --output-file $(VENV)/new.lock - pyproject.toml
	{ echo '# Constraints for pip; renew with `make lock`.'; cat $(VENV)/new.lock; } > envs/cuda.lock
	grep -vE '^(cuda|nvidia|triton)' envs/cuda.lock > envs/cpu.lock
	echo 'torch==$(TORCH)' | $(BIN)/uv pip compile --quiet --python-version 3.11 --extra dev --extra docs \
	  --no-header --no-annotate --constraint envs/cuda.lock --output-file $(VENV)/new.lock - pyproject.toml
	{ echo '# Constraints for `make docs`, beside those of the lock; renew with `make lock`.'; \
	  grep -vxFf envs/cuda.lock $(VENV)/new.lock; } > envs/docs.lock
	rm $(VENV)/new.lock

# A page lies in the site where it lies in the repository, so that its links are the same in both.
docs: $(DOCUMENTED) ## build the documentation site, build/site; a link that leads nowhere is an error
	rm -rf build/pages; mkdir -p build/pages
	tar -cf - $(PAGES) | tar -xf - -C build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

$(DOCUMENTED): $(INSTALLED)
	$(ALONE) $(BIN)/pip install --disable-pip-version-check --quiet \
	  -c envs/$(LOCK).lock -c envs/docs.lock -e '.[docs]'
	@rm -f $(VENV)/.documented-*; touch $@

container: LOCK = cuda
container: ## build clearbench-cuda.sif, the image that jobs run in on a cluster; needs apptainer
	containers/build.sh $(LOCK) $(BOOTSTRAP) '$(subst ','\'',$(BASE))' $(BUILD_FLAGS)

picture: install ## draw the README's table, docs/table.svg, and photograph the page of mini, docs/page.png
	$(BIN)/python docs/draw.py
	$(BIN)/python docs/photograph.py

clean: ## remove .venv and caches; results stay
	rm -rf $(VENV) .snakemake .mypy_cache .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
