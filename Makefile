# make up · make up ONCE=1 · make test · make nightly · make wide · make lint · make bench [ONLY=prefix]
# make format · make requirements · make clean
PYTHON = python3
ONCE =
ONLY =
UV = uv==0.9.7
BOOTSTRAP = $(PYTHON) -I testbed/ops/bootstrap.py
IN = .venv/bin/python
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

FIND_TEMPLATES = find testbed -path '*/templates/*' -name '*.html'

.PHONY: up test nightly wide lint format bench requirements clean

up:
	@$(BOOTSTRAP) run
	@$(IN) -m testbed.ops.up $(if $(ONCE),--once)

test:
	@$(BOOTSTRAP) dev
	@$(IN) -m testbed.ops.testing $(TESTS)

# The long variants of the crash and contract suites: every victim at every boundary, 200 random
# schedules, every fault on every wire of every driver. Two houses and one more at a time. Tests
# take minutes here: to be told where they are after five has crashed their process.
nightly:
	@TESTBED_NIGHTLY=1 $(MAKE) test TESTS="-n 3 -m nightly -o faulthandler_timeout=3600 $(TESTS)"

# Every page in both languages and looks, every hostile value in every field, more examples for
# every operation of the API.
wide:
	@TESTBED_WIDE=1 $(MAKE) test TESTS="tests/e2e/test_every_page.py tests/web/test_hostile.py \
		tests/api/test_schema.py $(TESTS)"

lint:
	@$(BOOTSTRAP) dev
	@$(IN) -m testbed.ops.lint

format:
	@$(BOOTSTRAP) dev
	@.venv/bin/ruff check --quiet --fix . || true
	@.venv/bin/ruff format .
	@$(FIND_TEMPLATES) -exec .venv/bin/djade --target-version 5.2 {} +

bench:
	@$(BOOTSTRAP) dev
	@$(IN) -m bench $(ONLY)

requirements:
	@$(BOOTSTRAP) dev
	@$(IN) -m pip install --quiet --disable-pip-version-check $(UV)
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt

clean:
	@$(IN) -m testbed.ops.clean
