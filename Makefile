# segline: the user interface and the pipeline graph. `make help` lists what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Names may become part of a path; texts reach Python as quoted arguments and nothing else. Neither is expanded.
names := config configs with run base fold fresh pretrained source fixes locked name strict
texts := set raw images out page channels project url
config := quick
$(foreach v,$(filter-out config,$(names)) $(texts),$(eval $v :=))
python := $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
override given := $(foreach v,$(.VARIABLES),$(if $(findstring command line,$(origin $v)),$v))
$(foreach v,$(names) $(texts) python,$(eval override $v := $$(value $v)))
define newline


endef
override quoted = '$(subst ','\'',$1)'

override unknown := $(firstword $(filter-out $(names) $(texts) python -*-%,$(given)))
ifneq ($(unknown),)
nearest := $(shell $(python) -c 'import difflib, sys; print(difflib.get_close_matches(sys.argv[1], sys.argv[2:], 1, 0)[0])' \
    $(call quoted,$(unknown)) $(names) $(texts))
$(error $(unknown)=: no such variable; did you mean $(nearest)=?)
endif

letters := a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 _ . - + A B C D E F G H I J K L M N O P Q R S T U V W X Y Z
without = $(if $1,$(call without,$(wordlist 2,99,$1),$(subst $(firstword $1),,$2)),$(strip $2))
$(foreach v,$(names),$(if $(or $(call without,$(letters),$($v)),$(findstring ..,$($v)),$(filter -% .%,$($v))),\
    $(error $v=$($v): expected a name of letters, digits, _ - . and +, which begins with neither - nor .)))
$(foreach v,fresh pretrained fixes locked,$(if $(filter-out 0 1,$($v)),$(error $v=$($v): expected 0 or 1))$(if $(filter 0,$($v)),$(eval override $v :=)))
$(foreach v,$(texts),$(if $(findstring $(newline),$($v)),$(error $v=: expected one line)))
needs = $(if $(filter $1,$(MAKECMDGOALS)),$(if $(strip $($2)),,$(error $1 needs $2=$3)))
$(call needs,segment,images,DIR or FILE)$(call needs,compare,base,NAME)$(call needs,blend,configs,"a b")$(call needs,new,name,NAME)$(call needs,new,raw,DIR)
space := $(subst ,, )
# The settings in any order make one run; of one that is given twice the last holds.
hash = $(shell tr -s ' ' '\n' <<< $(call quoted,$(set)) | tac | LC_ALL=C sort -s -u -t= -k1,1 | sha256sum | cut -c1-8)
override run := $(or $(strip $(run)),$(subst $(space),+,$(strip $(config) $(with)))$(if $(strip $(set)),-$(hash)))
run_dir := data/runs/$(run)$(if $(pretrained),-pretrained)
csv := submissions/$(run).csv
shipped := data/pretrained/$(config)
segline := .venv/bin/python -m segline
step = @echo '$1'; exec $(segline)

.PHONY: $(shell sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' Makefile) FORCE
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  variables: config=NAME fold=K set="train.epochs=3 weights.w0=5" raw=DIR strict=0 pretrained=1 fresh=1'

setup: .venv/.installed  ## make .venv and install the requirements (locked=1: exactly those measured)

.venv/.installed: requirements.txt $(if $(locked),requirements.lock) pyproject.toml
	@test -n "$(python)" || { echo "make: no python3 found; install Python 3.11 or newer" >&2; exit 2; }
	@echo 'installing into .venv (some minutes the first time)'
	@$(python) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check $(if $(locked),--require-hashes -r requirements.lock,-r requirements.txt) \
	    && .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(if $(locked),--no-build-isolation) -e .
	@touch $@

.venv/.developer: requirements-dev.txt .venv/.installed
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $< && touch $@

test: .venv/.developer  ## the tests
	@.venv/bin/python -m pytest -n 2 --dist loadfile
test-slow: .venv/.developer  ## the slow tests (minutes; some need the real data)
	@.venv/bin/python -m pytest -m slow -n 2 --dist loadfile
lint: .venv/.developer  ## formatting, rules, types, layers, security
	@PATH=.venv/bin:$$PATH; ruff format --check .; ruff check .; mypy; lint-imports; bandit -q -ll -r src

# run.mk has what Make needs to know of a run: the names of its files, its folds, what is stale in the raw folder.
# It is remade on every call, like the settings beside it, and keeps its time unless something changed.

staged := data lr train predict tune score compare gallery audit segment submit validate upload preview pack
ifneq ($(filter $(staged) data/% submissions/%,$(MAKECMDGOALS)),)
include $(run_dir)/run.mk

$(run_dir)/run.mk: FORCE | .venv/.installed
	@$(if $(shell $(segline) settings --run $(run_dir) --config configs/$(config).toml --settings $(call quoted,$(set)) \
	    $(if $(filter raw,$(given)),--raw $(call quoted,$(raw))) $(with:%=--with %) $(if $(fresh),--fresh) $(strict:%=--strict %) >&2 && echo 1),:,$(error nothing is made))

# all_folds is empty while run.mk, not there yet, is being made for the first time.
$(if $(and $(all_folds),$(filter-out $(all_folds),$(fold))),\
    $(error fold=$(fold): no such fold; the folds of config $(config) are $(all_folds)))
$(if $(and $(fold),$(filter-out train data lr,$(MAKECMDGOALS))),\
    $(error fold= goes with train and lr alone; for one fold throughout use set="train.folds=$(fold)"))

data: $(images_csv) $(folds_csv)  ## decode and check the raw files, make the folds (raw=DIR once)
train: $(patsubst %,$(model),$(or $(fold),$(folds)))  ## train fold=K, or all the config's folds
predict: $(oof_maps) $(test_maps)  ## probability maps of held-out and test images
tune: $(thresholds)  ## thresholds on out-of-fold maps
submit: $(csv) $(report)  ## everything stale, then submissions/<run>.csv, validated
score: $(cv) $(report)  ## cross-validated table, and the run's report.html
	@$(segline) show-cv --run $(run_dir)

$(generated): | .venv/.installed
	$(call step,generate $(generate)) synthesize --out $(@D) --size $(generate)

$(images_csv): $(if $(data_changed),FORCE) | $(generated)
	$(call step,data $(dataset)) data --run $(run_dir)
$(folds_csv): $(images_csv) $(data_settings)
	$(call step,folds $(dataset)) folds --run $(run_dir)

every = $(all_folds:%=$1)
# Every file is written whole or not at all, by one process: Make must delete none when a recipe fails or is stopped.
.PRECIOUS: $(generated) $(images_csv) $(folds_csv) $(call every,$(model) $(oof) $(test) $(classifier) $(oof_classes) $(test_classes)) $(thresholds) $(second) $(cv) $(report) $(csv) $(run_dir)/run.mk
ifneq ($(pretrained),)
$(call every,$(model)): $(model): $(shipped)/fold_%.h5 $(train_settings)
	$(call step,unpack $(config) fold $*) unpack --run $(run_dir) --fold $* --shipped $(shipped)

$(thresholds) $(second) $(cv): $(run_dir)/%: $(shipped)/%
	@$(segline) unpack-file --run $(run_dir) --shipped $(shipped) --name $*
else
$(call every,$(model)): $(model): $(train_settings) $(images_csv) $(folds_csv) $(extra) $(start_model) $(if $(fresh),FORCE)
	$(call step,train $(run) fold $*) train --run $(run_dir) --fold $* --threads $(threads) $(if $(fresh),--fresh)

# A net may start from the same fold of another config (model.weights): shipped, or trained before it.
ifneq ($(start),)
$(call every,$(start_model)): $(start_model): | $(images_csv) $(folds_csv)
	@$(MAKE) $@ config=$(start) $(start_options) set= fold= fresh= with= run=
endif

$(thresholds): $(oof_maps) $(tune_settings) $(run_settings)
	$(call step,tune $(run)) tune --run $(run_dir)
$(second): $(thresholds) $(oof_maps)
	$(call step,second stage $(run)) second --run $(run_dir)
$(cv): $(thresholds) $(fitted) $(judged_oof)
	$(call step,cross-validate $(run)) cv --run $(run_dir)
endif

$(extra):
	@echo 'make: train.extra: no data set $(@D); make one with: make data config=NAME raw=DIR,' \
	    'NAME.toml naming data.dataset = "$(notdir $(@D))"' >&2; exit 2

$(call every,$(oof)): $(oof): $(model) $(predict_settings) $(images_csv) $(folds_csv)
	$(call step,predict $(run) fold $*: held-out images) predict --run $(run_dir) --fold $* --split oof
$(call every,$(test)): $(test): $(model) $(predict_settings) $(images_csv)
	$(call step,predict $(run) fold $*: test images) predict --run $(run_dir) --fold $* --split test

# With two stages a classifier turns the maps of regions into class maps, which are then judged.
$(call every,$(classifier)): $(classifier): $(model) $(regions_settings) $(predict_settings)
	$(call step,train the classifier of $(run) fold $*) classifier --run $(run_dir) --fold $*
$(call every,$(oof_classes)): $(oof_classes): $(oof) $(classifier) $(thresholds)
	$(call step,classify $(run) fold $*: held-out images) classify --run $(run_dir) --fold $* --split oof
$(call every,$(test_classes)): $(test_classes): $(test) $(classifier) $(thresholds)
	$(call step,classify $(run) fold $*: test images) classify --run $(run_dir) --fold $* --split test

$(report): $(cv)
	$(call step,report $(run)) report --run $(run_dir)
$(csv): $(thresholds) $(fitted) $(judged_test) $(cv)
	$(call step,submit $(run)) submit --run $(run_dir) --out $@

compare:  ## gain over the run base=NAME, with a bootstrap over whole fields
	@$(segline) compare --run $(run_dir) --base data/runs/$(base)
gallery: $(cv)  ## pictures of the median and the worst out-of-fold results
	@$(segline) gallery --run $(run_dir)
audit: $(cv)  ## label faults or model faults: a picture, and a list of suspect images by rule
	@$(segline) audit --run $(run_dir)

segment: $(if $(pretrained),$(folds:%=$(model)) $(thresholds) $(fitted))  ## masks of any images: images=DIR or FILE (out=DIR page=0 channels=0,1,2 project=max)
	@$(segline) segment --run $(run_dir) --images $(call quoted,$(images)) \
	    $(foreach v,out page channels project,$(if $($v),--$v $(call quoted,$($v))))

pack: $(csv)  ## put the run's weights, thresholds, figures and card into data/pretrained/
	@$(segline) pack --run $(run_dir) --config configs/$(config).toml --out $(shipped)
validate:  ## check the submission once more
	@$(segline) validate --submission $(csv) --sample $(sample) --images $(images_csv) --run $(run_dir)
upload:  ## the Kaggle CLI's submit
	@$(segline) upload --run $(run_dir) --submission $(csv) $(competition:%=--competition %)

lr: $(images_csv) $(folds_csv)  ## learning-rate range test: lr.csv, lr.png and a suggested rate
	$(call step,range test $(run)) lr --run $(run_dir) --fold $(or $(fold),$(firstword $(folds)))
preview: $(images_csv) $(folds_csv)  ## a picture of augmented samples, targets and weights
	@$(segline) preview --run $(run_dir) --fold $(firstword $(folds))
endif

new: .venv/.installed  ## look at a folder and write a config for it: name=NAME raw=DIR
	@$(segline) new --name $(call quoted,$(name)) --raw $(call quoted,$(raw))
download: .venv/.installed  ## DSB2018 from the Broad's BBBC038, url=MIRROR or source=kaggle (fixes=1: corrected masks)
	@$(segline) download --out data/raw/dsb2018 $(source:%=--source %) $(if $(url),--url $(call quoted,$(url))) $(if $(fixes),--fixes)

# The maps of all the runs are averaged and thresholds tuned once: a run called a+b, with a's settings.
blend: .venv/.installed  ## average the maps of configs="a b", tune once, write submissions/a+b.csv
	@for name in $(configs); do $(MAKE) predict config=$$name; done
	@$(MAKE) submit config=$(firstword $(configs)) with='$(wordlist 2,99,$(configs))'

demo: .venv/.installed  ## the whole chain on generated images, a few minutes on two cores
	@$(MAKE) submit config=demo
	@$(segline) demo --run data/runs/demo --submission submissions/demo.csv

leaderboard: .venv/.installed  ## score every CSV in submissions/ into data/leaderboard.html
	@.venv/bin/python -m nbconvert --log-level WARN --execute --to html --no-input --output-dir data notebooks/leaderboard.ipynb
	@echo wrote data/leaderboard.html
notebooks: .venv/.installed  ## execute the notebooks where they lie
	@.venv/bin/python -m nbconvert --log-level WARN --execute --to notebook --inplace notebooks/*.ipynb
docs: .venv/.installed  ## put the measured figures and the settings into README and docs/
	@$(segline) docs
-include benchmarks/bench.mk
FORCE:
