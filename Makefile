# segline: the user interface and the pipeline graph. `make help` lists what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# What a user may set on the command line.
config := quick
fold :=
set :=
base :=
with :=
images :=
out :=
fresh :=
pretrained :=
source_option := $(if $(filter command,$(firstword $(origin source))),$(source),broad)

space := $(subst ,, )
run := $(subst $(space),+,$(strip $(config) $(with)))$(if $(strip $(set)),-$(shell printf '%s' '$(sort $(set))' | sha256sum | cut -c1-8))
run_dir := data/runs/$(run)$(if $(pretrained),-pretrained)
shipped := data/pretrained/$(config)
python := $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
segline := .venv/bin/python -m segline

.PHONY: segment audit compare blend pack help setup demo test test-slow lint data lr train predict tune score gallery submit validate \
        upload leaderboard bench bench-jobs ladder readme preview download FORCE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  variables: config=NAME fold=K set="train.epochs=3 weights.w0=5" raw=DIR fresh=1'

# --- environment ---------------------------------------------------------------------------------

setup: .venv/.installed  ## make .venv and install the requirements

.venv/.installed: requirements.txt pyproject.toml
	@test -n "$(python)" || { echo "make: no python3 found; install Python 3.11 or newer" >&2; exit 2; }
	$(python) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	touch $@

.venv/.developer: requirements-dev.txt .venv/.installed
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

test: .venv/.developer  ## the tests
	.venv/bin/python -m pytest -n 2 --dist loadfile

test-slow: .venv/.developer  ## the slow tests (minutes; some need the real data)
	.venv/bin/python -m pytest -m slow

lint: .venv/.developer  ## formatting, rules and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

# --- the pipeline --------------------------------------------------------------------------------
# run.mk holds what the Makefile needs to know of the config. It is remade on every call, like the
# settings beside it, but keeps its time unless a setting changed; Make then reads this file again.

staged := data lr train predict tune score compare gallery audit segment submit validate upload preview download pack
ifneq ($(filter $(staged) data/% submissions/%,$(MAKECMDGOALS)),)
include $(run_dir)/run.mk

$(run_dir)/run.mk: FORCE | .venv/.installed
	@$(segline) params --config configs/$(config).toml --out $(run_dir) $(if $(fresh),--fresh) \
	    $(if $(filter command,$(origin raw)),--raw '$(raw)') $(foreach s,$(set),--set '$(s)')

interim := data/interim/$(dataset)
manifest := $(interim)/images.csv $(interim)/folds.csv
extra_images := $(extra:%=data/interim/%/images.csv)
trained := $(patsubst $(run_dir)/fold_%/model.keras,%,$(wildcard $(run_dir)/fold_*/model.keras))
packed := $(patsubst $(shipped)/fold_%.h5,%,$(wildcard $(shipped)/fold_*.h5))
used := $(if $(pretrained),$(packed),$(sort $(folds) $(trained)))
maps_of = $(if $(with),$(sort $(wildcard $(patsubst %,data/runs/%/fold_*/$(1).h5,$(config) $(with)))),$(used:%=$(run_dir)/fold_%/$(1).h5))
oof := $(call maps_of,oof)
test_maps := $(call maps_of,test)
page := $(if $(pretrained),,$(run_dir)/report.html)

# all_folds is empty while run.mk, not there yet, is being made for the first time.
ifneq ($(and $(all_folds),$(filter-out $(all_folds),$(fold))),)
$(error fold=$(fold): no such fold; the folds of config $(config) are $(all_folds))
endif
ifneq ($(and $(fold),$(filter-out train data lr,$(MAKECMDGOALS))),)
$(error fold= goes with train and lr alone; for one fold throughout use set="train.folds=$(fold)")
endif

ifneq ($(pretrained),)
ifeq ($(packed),)
$(error pretrained=1: no weights in $(shipped); shipped are: $(notdir $(patsubst %/SHA256SUMS,%,$(wildcard data/pretrained/*/SHA256SUMS))))
endif
endif

data: $(manifest)  ## decode and check the raw files, make the folds (raw=DIR once)
train: $(patsubst %,$(run_dir)/fold_%/model.keras,$(or $(fold),$(folds)))  ## train fold=K, or all the config's folds
predict: $(oof) $(test_maps)  ## probability maps of held-out and test images
tune: $(run_dir)/thresholds.json  ## thresholds on out-of-fold maps
submit: submissions/$(run).csv $(page)  ## everything stale, then submissions/<run>.csv, validated
score: $(run_dir)/cv.json $(page)  ## cross-validated table, and the run's report.html
	@$(segline) show-cv --cv $<

semantic := $(filter-out instances,$(task))

ifneq ($(generate),)
raw_files := $(raw)/$(if $(semantic),solution,stage1_solution).csv
$(raw_files): | .venv/.installed
	$(segline) synthesize --out $(@D) --size $(generate)
else
raw_files := $(wildcard $(raw)/* $(raw)/train/* $(raw)/test/*)
endif

# What a mask means is a setting; the images of an instance set do not depend on any.
$(interim)/images.csv: $(raw_files) $(if $(semantic),$(interim)/data.json) | .venv/.installed
	$(segline) data --raw '$(raw)' --source $(source) --params $(interim)/data.json --out $(@D)

$(interim)/folds.csv: $(interim)/images.csv $(interim)/data.json
	$(segline) folds --images $< --n-folds $(n_folds) --seed $(fold_seed) --out $@

models := $(all_folds:%=$(run_dir)/fold_%/model.keras)
ifneq ($(pretrained),)
$(models): $(run_dir)/fold_%/model.keras: $(shipped)/fold_%.h5 $(run_dir)/params/train.json
	$(segline) unpack --weights $< --params $(run_dir)/params/train.json --out $(@D)
else
$(models): $(run_dir)/fold_%/model.keras: $(run_dir)/params/train.json $(manifest) $(extra_images) $(if $(fresh),FORCE)
	$(segline) train --params $< --images $(interim)/images.csv --folds $(interim)/folds.csv \
	    $(extra_images:%=--extra %) $(if $(start),--start $(start_dir)/fold_$*/model.keras) \
	    --fold $* --out $(@D) $(if $(fresh),--fresh)

# A net may start from the same fold of another config (model.weights): shipped, or trained before it.
ifneq ($(start),)
start_shipped := $(wildcard data/pretrained/$(start)/SHA256SUMS)
start_dir := data/runs/$(start)$(if $(start_shipped),-pretrained)
$(models): $(run_dir)/fold_%/model.keras: $(start_dir)/fold_%/model.keras

$(all_folds:%=$(start_dir)/fold_%/model.keras): $(start_dir)/fold_%/model.keras: | .venv/.installed
	@test -f configs/$(start).toml || { echo 'make: model.weights=$(start): no configs/$(start).toml' >&2; exit 2; }
	@test -z '$(start_shipped)' -o -f data/pretrained/$(start)/fold_$*.h5 || \
	    { echo 'make: model.weights=$(start): data/pretrained/$(start) has no fold $*' >&2; exit 2; }
	$(MAKE) $@ config=$(start) set= fold= fresh= with= pretrained=$(if $(start_shipped),1)
endif

$(extra_images):
	@echo 'make: train.extra: no data set $(@D); make one with: make data config=NAME raw=DIR,' \
	    'NAME.toml naming data.dataset = "$(notdir $(@D))"' >&2; exit 2
endif

predictor = $(segline) predict --model $< --params $(run_dir)/params/predict.json \
    --images $(interim)/images.csv --folds $(interim)/folds.csv --out $@

$(models:%/model.keras=%/oof.h5): $(run_dir)/fold_%/oof.h5: $(run_dir)/fold_%/model.keras $(run_dir)/params/predict.json
	$(predictor) --fold $*

$(models:%/model.keras=%/test.h5): $(run_dir)/fold_%/test.h5: $(run_dir)/fold_%/model.keras $(run_dir)/params/predict.json
	$(predictor)

# With two stages a classifier turns the maps of regions into class maps, which are then judged.
classifiers := $(if $(filter two_stage,$(task)),$(used:%=$(run_dir)/fold_%/classifier.keras))
class_maps = $(if $(classifiers),$(1:.h5=_classes.h5),$(1))
judged_oof := $(call class_maps,$(oof))
judged_test := $(call class_maps,$(test_maps))
classify = $(segline) classify --classifier $(@D)/classifier.keras --source $< --thresholds $(run_dir)/thresholds.json \
    --images $(interim)/images.csv --folds $(interim)/folds.csv $(oof:%=--oof %) --out $@

$(models:%/model.keras=%/classifier.keras): $(run_dir)/fold_%/classifier.keras: $(run_dir)/fold_%/model.keras \
    $(run_dir)/params/regions.json $(run_dir)/params/predict.json
	$(segline) classifier --model $< --params $(run_dir)/params/regions.json --predict $(run_dir)/params/predict.json \
	    --images $(interim)/images.csv --folds $(interim)/folds.csv --fold $* --out $@

$(models:%/model.keras=%/oof_classes.h5): $(run_dir)/fold_%/oof_classes.h5: $(run_dir)/fold_%/oof.h5 \
    $(run_dir)/fold_%/classifier.keras $(run_dir)/thresholds.json
	$(classify)

$(models:%/model.keras=%/test_classes.h5): $(run_dir)/fold_%/test_classes.h5: $(run_dir)/fold_%/test.h5 \
    $(run_dir)/fold_%/classifier.keras $(run_dir)/thresholds.json
	$(classify)

fitted := $(if $(second_stage),$(run_dir)/second.h5)
with_second := $(fitted:%=--second %)

ifneq ($(pretrained),)
$(run_dir)/thresholds.json $(run_dir)/second.h5 $(run_dir)/cv.json: $(run_dir)/%: $(shipped)/%
	cp $< $@
else
$(run_dir)/thresholds.json: $(oof) $(run_dir)/params/tune.json
	$(segline) tune --params $(run_dir)/params/tune.json --images $(interim)/images.csv \
	    --folds $(interim)/folds.csv $(oof:%=--oof %) --out $@

$(run_dir)/second.h5: $(run_dir)/thresholds.json $(oof)
	$(segline) second --params $(run_dir)/params/tune.json --images $(interim)/images.csv \
	    --folds $(interim)/folds.csv $(oof:%=--oof %) --thresholds $< --out $@

$(run_dir)/cv.json: $(run_dir)/thresholds.json $(fitted) $(judged_oof)
	$(segline) cv --images $(interim)/images.csv --folds $(interim)/folds.csv $(judged_oof:%=--oof %) \
	    --thresholds $< $(with_second) --scores $(run_dir)/scores.csv --out $@
endif

$(run_dir)/report.html: $(run_dir)/cv.json
	$(segline) report --run $(run_dir) --images $(interim)/images.csv --folds $(interim)/folds.csv $(judged_oof:%=--oof %) \
	    --thresholds $(run_dir)/thresholds.json $(with_second) --scores $(run_dir)/scores.csv --out $@

compare: $(run_dir)/cv.json  ## gain over the run base=NAME, with a bootstrap over whole fields
	@$(segline) compare --base data/runs/$(base)/scores.csv --other $(run_dir)/scores.csv

gallery: $(run_dir)/cv.json  ## pictures of the median and the worst out-of-fold results
	@for n in 0 16; do $(segline) gallery --images $(interim)/images.csv --folds $(interim)/folds.csv \
	    $(judged_oof:%=--oof %) --thresholds $(run_dir)/thresholds.json $(with_second) --scores $(run_dir)/scores.csv \
	    --worst $$n --out $(run_dir)/$$([ $$n = 0 ] && echo median || echo worst).png; done

audit: $(run_dir)/cv.json  ## label faults or model faults: a picture, and a list of suspect images by rule
	@test -n "$(fitted)" || { echo 'make: audit needs a run with tune.second_stage = true' >&2; exit 2; }
	$(segline) audit --images $(interim)/images.csv --folds $(interim)/folds.csv $(oof:%=--oof %) \
	    --thresholds $(run_dir)/thresholds.json $(with_second) --scores $(run_dir)/scores.csv --out $(run_dir)

submissions/$(run).csv: $(run_dir)/thresholds.json $(fitted) $(judged_test) $(run_dir)/cv.json
	$(segline) submit --thresholds $< $(with_second) $(judged_test:%=--maps %) --out $@ \
	    --cv $(run_dir)/cv.json --sample $(interim)/sample_submission.csv --images $(interim)/images.csv

segment: $(run_dir)/thresholds.json $(fitted) $(classifiers) $(if $(pretrained),$(used:%=$(run_dir)/fold_%/model.keras))  ## masks of any images: images=DIR (out=DIR)
	@test -n "$(images)" || { echo 'make: segment needs images=DIR' >&2; exit 2; }
	$(segline) segment $(used:%=--model $(run_dir)/fold_%/model.keras) --thresholds $< $(with_second) $(classifiers:%=--classifier %) \
	    --params $(run_dir)/params/predict.json --images '$(images)' --out '$(or $(out),$(run_dir)/segmented)'

pack: submissions/$(run).csv  ## put the run's weights, thresholds, figures and card into data/pretrained/
	$(segline) pack --run $(run_dir) --config configs/$(config).toml --out $(shipped)

validate: submissions/$(run).csv  ## check the submission once more
	$(segline) validate --submission $< --sample $(interim)/sample_submission.csv --images $(interim)/images.csv

upload: submissions/$(run).csv  ## the Kaggle CLI's submit
	@command -v kaggle > /dev/null || { echo 'make: no kaggle command; pip install kaggle and put your token in ~/.kaggle' >&2; exit 2; }
	kaggle competitions submit -c data-science-bowl-2018 -f $< -m '$(run)'

lr: $(manifest)  ## learning-rate range test: lr.csv, lr.png and a suggested rate
	$(segline) lr --params $(run_dir)/params/train.json --images $(interim)/images.csv \
	    --folds $(interim)/folds.csv --fold $(or $(fold),$(firstword $(folds))) --out $(run_dir)

preview: $(manifest)  ## a picture of augmented samples, targets and weights
	$(segline) preview --params $(run_dir)/params/train.json --images $(interim)/images.csv \
	    --folds $(interim)/folds.csv --out $(run_dir)/preview.png

download: | .venv/.installed  ## DSB2018 from the Broad's BBBC038, or source=kaggle
	$(segline) download --out data/raw/dsb2018 --source $(source_option)
endif

# --- several runs at once ------------------------------------------------------------------------
# The maps of all the runs are averaged and thresholds tuned once: a run called a+b, with a's settings.

configs :=
blend: .venv/.installed  ## average the maps of configs="a b", tune once, write submissions/a+b.csv
	@test $(words $(configs)) -gt 1 || { echo 'make: blend needs configs="a b"' >&2; exit 2; }
	@for name in $(configs); do $(MAKE) predict config=$$name; done
	@$(MAKE) submit config=$(firstword $(configs)) with='$(wordlist 2,99,$(configs))'

# --- the demo ------------------------------------------------------------------------------------

demo: .venv/.installed  ## the whole chain on generated images, a few minutes on two cores
	@$(MAKE) submit config=demo
	@$(segline) demo --run data/runs/demo --interim data/interim/demo \
	    --submission submissions/demo.csv --out data/runs/demo/demo.png

leaderboard: .venv/.installed  ## score every CSV in submissions/ into data/leaderboard.html
	.venv/bin/python -m nbconvert --log-level WARN --execute --to html --no-input \
	    --output-dir data --output leaderboard.html notebooks/leaderboard.ipynb
	@echo wrote data/leaderboard.html

# $(1) --plan prints config, run and settings of each run, parted by tabs. The + lets make -n look inside.
define score_planned
$(1) --plan | while IFS=$$'\t' read -r config run set; do \
    $(MAKE) score config="$$config" run="$$run" set="$$set" < /dev/null; done
endef

ladder: .venv/.installed  ## what each ingredient is worth: trains what is missing (an hour), then the table
	+@$(call score_planned,$(segline) ladder)
	@$(segline) ladder

readme: .venv/.installed  ## put the measured figures into README
	@$(segline) readme

.venv/.bench: requirements-bench.txt .venv/.developer
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@

bench: .venv/.bench  ## speed and memory against named peers (about 5 minutes, 2 GB)
	.venv/bin/python -m benchmarks

bench-jobs: .venv/.installed  ## each semantic job's typical failure against its config (trains ten nets)
	+@$(call score_planned,.venv/bin/python -m benchmarks.jobs --set='$(set)')
	@.venv/bin/python -m benchmarks.jobs

FORCE:
