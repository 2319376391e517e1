# todpack: `make` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# these by the command line alone: variables of the environment may have the same names
DATA = samples/courtyard
OUT = out
FAMILY = daybasis
SETS =
RUNS =
T =
FUZZ_SECONDS ?= 60
JOBS ?= 2
# a word of the shell
quoted = '$(subst ','\'',$(1))'
BENCH = $(if $(SETS),--sets $(call quoted,$(SETS))) --results docs/benchmarks.json --docs docs/benchmarks.md --readme README.md --readme README.zh.md --cache $(call quoted,$(OUT)/bench-points)
# a file of tests stays in one process, with what its tests share
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
STAMP = $(VENV)/.todpack-setup
PACK_STAMP = $(VENV)/.todpack-pack
# passive waiting: a thread that waits leaves its core to others (shared and virtual machines)
export OMP_WAIT_POLICY ?= PASSIVE

ifeq ($(strip $(OUT)),)
$(error OUT: expected a folder, found an empty name)
endif

.DEFAULT_GOAL := help
.PHONY: help setup submission test quick test-slow test-browser test-native test-ray test-oldest soak check format fuzz peers bench bench-rate bench-speed bench-families gpu ab golden pictures clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "todpack needs Python 3.10 or newer; name one by PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,pack,export,peers,compare,pictures,hdr,browser,dev]'
	@# lpips asks for torchvision, of which only its small weight files are not used: leave the dependencies out
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps lpips
	@touch $@

# what the default family needs, where there is no more already: no torch
$(PACK_STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "todpack needs Python 3.10 or newer; name one by PYTHON=..." >&2; exit 1; }
	test -f $(STAMP) || $(PYTHON) -m venv $(VENV)
	test -f $(STAMP) || $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[pack]'
	@touch $@

setup: $(STAMP)  ## create .venv with everything (once)

submission: $(if $(filter daybasis,$(FAMILY)),$(PACK_STAMP),$(STAMP))  ## train on the sample (DATA=..., FAMILY=...), pack, bundle, rehearse the grading, print the score
	@! { test $(call quoted,$(OUT)) -ef $(call quoted,$(DATA)) || test $(call quoted,$(OUT)) -ef $(call quoted,$(DATA)/png); } || \
		{ echo "OUT: expected another folder than that of the frames, found the same" >&2; exit 1; }
	$(BIN)/todpack train $(call quoted,$(DATA)) -o $(call quoted,$(OUT)/run) --family $(FAMILY) --overwrite
	$(BIN)/todpack pack $(call quoted,$(OUT)/run) -o $(call quoted,$(OUT)/lightmaps.tod)
	$(BIN)/todpack inspect $(call quoted,$(OUT)/lightmaps.tod) --image $(call quoted,$(OUT)/noon.png)
	$(BIN)/todpack submit build $(call quoted,$(OUT)/lightmaps.tod) -o $(call quoted,$(OUT)/submission) --overwrite
	$(BIN)/todpack submit check $(call quoted,$(OUT)/submission) --data $(call quoted,$(DATA))

test: check  ## lint, types, and the whole test suite (or T=tests/packer: that part of it) in JOBS=2 processes
	$(PYTEST) $(T)

quick: $(STAMP)  ## the tests of everyday work: all but those that are marked thorough (under 100 s)
	$(BIN)/ruff check .
	$(PYTEST) -m 'not slow and not browser and not ray and not thorough' $(T)

test-slow: $(STAMP)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-browser: $(STAMP)  ## the viewer and exports in a real headless Chromium (installs Debian's where root may)
	sh tests/browser/install_chromium.sh
	sh tests/browser/install_tools.sh
	$(BIN)/python -m pytest -m browser

test-native: $(STAMP)  ## the native core: builds by gcc, clang, for ARM, with sanitizers, on the same cases; the decoder's tests
	sh native/tests/install_tools.sh
	mkdir -p $(OUT)/native
	$(BIN)/python -m tests.native.vectors $(OUT)/native/cases.vec 300
	sh native/tests/run.sh $(OUT)/native/cases.vec $(OUT)/native
	$(BIN)/python -m tests.native.library.frames $(OUT)/native/library
	sh native/tests/library.sh $(OUT)/native/library/frames.txt $(OUT)/native/library
	$(BIN)/python -m tests.native.library.seeds $(OUT)/native/fuzz/seeds
	sh native/fuzz/run.sh 5 $(OUT)/native/fuzz
	@# not those that measure memory, of which sanitizers take their own
	sh native/tests/sanitized.sh $(CURDIR)/$(BIN)/python $(CURDIR)/$(OUT)/native/sanitized \
		tests/native tests/golden tests/decompressor -m 'not slow and not browser and not thorough' \
		--ignore tests/decompressor/test_small_bombs.py --ignore tests/decompressor/test_working_set.py

test-ray: $(STAMP)  ## `--engine ray` on a cluster of two nodes on this machine, where Ray can be installed
	-$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ray]'
	$(BIN)/python -m pytest -m ray tests/cluster

test-oldest: $(STAMP)  ## decoding and packing with the lowest versions that pyproject.toml allows, in .venv-oldest
	$(PYTHON) -m venv --clear $(VENV)-oldest
	$(BIN)/python -m tests.oldest_versions > $(VENV)-oldest/pins.txt
	$(VENV)-oldest/bin/python -m pip install --quiet -r $(VENV)-oldest/pins.txt
	$(VENV)-oldest/bin/python -m pytest -p no:cacheprovider tests/golden tests/decompressor tests/packer

soak: $(STAMP)  ## 20,000 random decodes with flat memory, and the reader and writer at 16384 x 16384 (an hour)
	$(BIN)/python -m pytest -m slow tests/scale -s

check: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# the folders as the package they are installed as, for mypy, which does not follow an editable install
	@rm -rf $(VENV)/types && mkdir -p $(VENV)/types/todpack
	@ln -s $(CURDIR)/todpack/* $(foreach f,frames decompressor packer trainer eval submission,$(CURDIR)/$(f)) $(VENV)/types/todpack
	$(BIN)/mypy

format: $(STAMP)  ## let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(STAMP)  ## coverage-guided fuzzing: FUZZ_SECONDS for each target, or RUNS executions of all together
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz.run $(if $(RUNS),--total $(RUNS) --seconds 0,--seconds $(FUZZ_SECONDS)) --out $(OUT)/fuzz

peers: $(STAMP)  ## install what the peers of the bench need beyond Python packages: aomenc
	sh tests/eval/peers/install_aomenc.sh

bench: bench-rate bench-speed  ## size, quality, speed and memory beside the peers, docs/benchmarks.md (SETS=FOLDER: more sets)

bench-rate: $(STAMP)  ## of that, bytes and quality; what the machine's load does not change
	-sh tests/eval/peers/install_aomenc.sh
	$(BIN)/todpack eval bench --part rate $(BENCH)

bench-speed: $(STAMP)  ## of that, times and memory of the sample, and of the courtyard where it is found
	$(BIN)/todpack eval bench sample $(if $(wildcard $(SETS)/courtyard/png),courtyard) --part speed $(BENCH)

bench-families: $(STAMP)  ## of that, trained families at their defaults (10 minutes)
	$(BIN)/todpack eval bench sample --part families $(BENCH)

gpu: $(STAMP)  ## check and time what a CUDA device does, docs/gpu.md; without one, say so
	$(BIN)/python -m todpack.eval.gpu

ab: $(STAMP)  ## train and compare the variants of gridmlp on the sample (DATA=...), 3 seeds each; reruns measure what changed
	$(BIN)/todpack eval ab $(call quoted,$(DATA)) -o $(call quoted,$(OUT)/ab) --json-out $(call quoted,$(OUT)/ab.json)

golden: $(STAMP)  ## write a golden archive for this version (a person's decision; tests never do it)
	$(BIN)/python -m tests.golden.make_golden

pictures: $(STAMP)  ## make the pictures of README (from the bench) and docs/daybasis.md
	$(BIN)/todpack compress $(call quoted,$(DATA)) -o $(call quoted,$(OUT)/picture.tod) --q-step 16
	$(BIN)/python docs/make_pictures.py docs/benchmarks.json --archive $(call quoted,$(OUT)/picture.tod) --data $(call quoted,$(DATA)) --out docs
	$(BIN)/python docs/make_daybasis_figures.py $(call quoted,$(DATA)) --out docs

clean:  ## remove out/ and caches, not the virtual environment, nor an OUT elsewhere
	rm -rf out .pytest_cache .mypy_cache .ruff_cache build *.egg-info
