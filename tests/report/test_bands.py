"""A public page shows misfit in bands, whatever it is computed from."""

import numpy as np
import pytest

from posynth.report.bands import ABOVE, ENDS, band, band_text, in_bands
from posynth.results import Result


@pytest.mark.parametrize("value", [0.0, 0.3, 2.0, 2.01, 3.0, 3.01, 5.0, 7.7, 10.0, 10.1, 500.0])
def test_a_band_keeps_the_verdict_and_nothing_else(value):
    end = band(value)
    assert end in (*ENDS, ABOVE) and (end <= 3) == (value <= 3)
    assert band(end) == end and band_text(end) == band_text(value)


def test_what_does_not_apply_stays_so():
    assert np.isnan(band(float("nan"))) and band_text(float("nan")) == "–"


@pytest.mark.parametrize(("proper", "end"), [(True, 3.0), (False, 5.0)])
def test_results_lose_their_digits_in_every_field(proper, end):
    details = {"S_plugin": 4.62, "S_proper": 2.31, "df": 4, "per_copy": [4.62], "raw": 0.01234}
    results = [
        Result("S_pMSE", 2.31, "age", passed=True, text="S_pMSE of age: 2.31", details=details),
        Result("pMSE_logit", 0.0123),
        Result("log score", -3.2, "age", details={"baseline": -3.4}),
        Result("S_U_cart", 1.37),
    ]
    found = in_bands(results, proper)
    assert [r.measure for r in found] == ["S_pMSE", "log score", "S_U_cart"]
    assert found[0].value == end and found[0].passed is True and found[0].subject == "age"
    assert found[0].details == {"S_plugin": end, "S_proper": end, "df": 4}
    assert not {"4.62", "2.31", "0.01234", "1.37"} & set(repr((found[0], found[2])).split())
    assert "2.31" not in repr(found[0]) and "1.37" not in repr(found[2])
