"""Snapshots: pages of numbers, whose ids follow from what was asked."""

from datetime import datetime

import pytest
from activation_contracts.messages import (
    NUMBERS_PER_PAGE,
    Report,
    ReportData,
    ReportedNumber,
    Snapshot,
)
from activation_contracts.values import NumberStatus

from tests.support.data.builders import NOW, SOURCE, USAGE
from worker.core.messages.snapshots import Origin, Selection, SnapshotFactory, pages_of
from worker.core.situation import Holder, Usage

REPORT = Report(
    id="report-1",
    source=SOURCE,
    correlationid="story-1",
    traceparent="trace-1",
    data=ReportData(account_id="acme", site_id="london"),
)
NUMBER = ReportedNumber(
    phone_number="+442079460001",
    account_id="acme",
    site_id="london",
    extension=None,
    status=NumberStatus.ACTIVE,
    sequence=2,
    main_number=False,
    assigned=False,
    operation=None,
)


def factory(
    report: Report = REPORT, *, as_of: datetime = NOW, usage: Usage | None = USAGE
) -> SnapshotFactory:
    return SnapshotFactory(
        Origin.of_report(report), Selection.of_report(report), as_of, numbers=101, usage=usage
    )


@pytest.mark.parametrize(
    ("numbers", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (20_000, 200)]
)
def test_a_snapshot_has_as_many_pages_as_its_numbers_fill_and_at_least_one(
    numbers: int, pages: int
) -> None:
    assert NUMBERS_PER_PAGE == 100
    assert pages_of(numbers) == pages


def test_a_page_repeats_what_was_asked_and_names_its_place_and_moment() -> None:
    page = factory().page(2, [NUMBER])

    assert page.data.model_dump(exclude={"numbers", "entitlement"}) == {
        "phone_number": None,
        "account_id": "acme",
        "site_id": "london",
        "page": 2,
        "pages": 2,
        "as_of": NOW,
    }
    assert page.data.numbers == (NUMBER,)
    assert page.data.entitlement == USAGE.as_contract()
    assert (page.time, page.partitionkey, page.subject) == (NOW, "acme/london", None)


def test_a_page_follows_from_its_report() -> None:
    page = factory().page(1, [])

    assert (page.correlationid, page.causationid) == ("story-1", "report-1")
    assert page.traceparent == "trace-1"


def test_a_report_about_one_number_names_it_as_the_subject() -> None:
    data = ReportData(phone_number=NUMBER.phone_number)
    page = factory(REPORT.model_copy(update={"data": data}), usage=None).page(1, [NUMBER])

    assert (page.subject, page.partitionkey) == (NUMBER.phone_number, None)
    assert page.data.entitlement is None


def test_the_pages_of_each_moment_and_each_report_have_ids_of_their_own() -> None:
    def ids(of: SnapshotFactory) -> list[str]:
        return [of.page(place, []).id for place in (1, 2)]

    again = factory(as_of=NOW.replace(hour=10))
    other = factory(REPORT.model_copy(update={"id": "report-2"}))

    assert ids(factory()) == ids(factory())
    assert len({*ids(factory()), *ids(again), *ids(other)}) == 6


def test_each_run_of_an_operator_has_pages_of_its_own() -> None:
    pages = [
        SnapshotFactory(Origin.of_operator(run), Selection(), NOW, numbers=1, usage=None)
        for run in ("run-1", "run-2")
    ]
    first, second = (factory.page(1, [NUMBER]) for factory in pages)

    assert first.id != second.id
    assert first.correlationid == "run-1"
    assert "causationid" not in Snapshot.encode(first).decode()


@pytest.mark.parametrize(
    ("selection", "holder"),
    [
        (Selection(account_id="acme", site_id="london"), Holder("acme", "london")),
        (Selection("+442079460001", "acme", "london"), Holder("acme", "london")),
        (Selection(account_id="acme"), None),
        (Selection(site_id="london"), None),
        (Selection(), None),
    ],
)
def test_an_entitlement_belongs_to_one_account_at_one_site(
    selection: Selection, holder: Holder | None
) -> None:
    assert selection.holder == holder
