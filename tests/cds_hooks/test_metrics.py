"""What is measured of a call: all codes that were said, which form is adaptive; as CRDMetricData each code once."""

from datetime import UTC, datetime

import pytest

from cds_hooks.metrics import Recorded, flat, metric, modelled
from fhir_r4.coverage_information import CoverageInformation, Reason, extension_2_0, extension_2_2, with_extension
from tests.given import FORM, TODAY, a_hook, an_order

WRITERS = pytest.mark.parametrize("write", [extension_2_0, extension_2_2])
AT = datetime(2026, 3, 1, tzinfo=UTC)


def measured(write, **said):
    """Return the measure of a call whose order was answered so."""
    information = CoverageInformation(
        coverage="Coverage/c",
        covered="covered",
        date=TODAY,
        coverage_assertion_id="a",
        reasons=(Reason("Because."),),
        **said,
    )
    order = with_extension(an_order(), write(information))
    return metric(
        Recorded(
            hook="order-sign",
            hook_instance="h",
            received_at=AT,
            answered_at=AT,
            status=200,
            request=a_hook(order=an_order()),
            response={"cards": [], "systemActions": [{"type": "update", "resource": order}]},
            groups=(),
            payer=None,
            promised={"a"},
            reads={},
        )
    )


def answered(told):
    """Return what was said of the order, in a measure of either shape."""
    holder = told if "response" in told else told["request"][0]
    (answer,) = holder["response"]
    return answer["coverageInfo"][0]


@WRITERS
def test_every_code_of_what_is_needed_is_kept(write):
    """The model has room for one of each: the guides' shape has the first, our table all."""
    needs = {"doc_needed": ("clinical", "patient"), "info_needed": ("location", "performer")}
    told = measured(write, pa_needed="conditional", **needs)
    assert answered(told)["infoNeeded"] == ["location", "performer"]
    assert answered(modelled(told))["infoNeeded"] == answered(flat(modelled(told)))["infoNeeded"] == "location"
    documents = {extension_2_0: ["clinical"], extension_2_2: ["clinical", "patient"]}[write]  # 2.0.1 has one alone
    assert answered(told)["docNeeded"] == documents
    assert answered(modelled(told))["docNeeded"] == "clinical"


def test_what_was_measured_before_is_written_as_it_was():
    kept = {"request": [{"response": [{"type": "coverage-info", "coverageInfo": [{"docNeeded": "clinical"}]}, {}]}]}
    assert modelled(kept) == kept


@WRITERS
@pytest.mark.parametrize(("form", "adaptive"), [(f"{FORM}|2026.1", False), (f"{FORM}-adaptive|2026.1", True)])
def test_an_adaptive_form_is_measured_as_one(write, form, adaptive):
    told = measured(write, pa_needed="auth-needed", doc_needed=("clinical",), questionnaires=(form,))
    assert answered(told)["questionnaire"] == [{"reference": form, "adaptive": adaptive, "response": False}]
