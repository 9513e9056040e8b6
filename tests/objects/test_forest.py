import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from segline.objects.forest import Forest


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_a_forest_predicts_what_its_model_does(missing):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, 3)).astype(np.float32), columns=["a", "b", "c"])
    table = table.mask(rng.random(table.shape) < missing)
    worth = np.nan_to_num(table["a"]) * np.nan_to_num(table["b"]) + table["c"].isna()
    model = HistGradientBoostingRegressor(max_iter=30, random_state=0).fit(table, worth)
    forest = Forest.of(model)
    fresh = pd.DataFrame(rng.normal(size=(300, 3)).astype(np.float32), columns=["a", "b", "c"])
    fresh = fresh.mask(rng.random(fresh.shape) < missing)
    assert forest.predict(fresh) == pytest.approx(model.predict(fresh), abs=1e-9)
    assert np.ptp(forest.predict(fresh)) > 1


def test_columns_go_by_name_not_by_place():
    table = pd.DataFrame({"a": np.arange(40.0), "b": np.zeros(40)})
    model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2).fit(table, table["a"])
    forest = Forest.of(model)
    assert np.array_equal(forest.predict(table[["b", "a"]]), forest.predict(table))


def test_no_rows_give_no_predictions():
    table = pd.DataFrame({"a": np.arange(40.0)})
    model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2).fit(table, table["a"])
    assert Forest.of(model).predict(table[:0]).shape == (0,)
