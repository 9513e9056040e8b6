# What the project measures of itself; part of the Makefile.
.PHONY: ladder bench bench-jobs reliability fuzz

# $(1) --plan prints config, run and settings of each run, parted by tabs. The + lets make -n look inside.
define score_planned
$(1) --plan | while IFS=$$'\t' read -r config run set; do \
    $(MAKE) score config="$$config" run="$$run" set="$$set" < /dev/null; done
endef

ladder: .venv/.installed  ## what each ingredient is worth: trains what is missing (an hour), then the table
	+@$(call score_planned,$(segline) ladder)
	@$(segline) ladder

.venv/.bench: requirements-bench.txt .venv/.developer
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench: .venv/.bench  ## speed and memory against named peers (about 5 minutes, 2 GB)
	@.venv/bin/python -m benchmarks

bench-jobs: .venv/.installed  ## each semantic job's typical failure against its config (trains ten nets)
	+@$(call score_planned,.venv/bin/python -m benchmarks.jobs --set=$(call quoted,$(set)))
	@.venv/bin/python -m benchmarks.jobs

reliability: .venv/.developer  ## make every fault that the tests know, count them, and write docs/reliability.md
	@.venv/bin/python -m benchmarks.reliability --slow
	@$(segline) docs

fuzz: .venv/.developer  ## bytes at random into every reader, ten minutes each (by coverage, where atheris is installed)
	@.venv/bin/python -m benchmarks.fuzz
