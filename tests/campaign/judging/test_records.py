"""The model of the records: the highest version counts, and what ends with an account ends."""

from tests.campaign.judging.records import Held, Records
from tests.campaign.planning.platform import NUMBER_IN_USE, SECOND_MAIN, Fields, Statement
from tests.campaign.planning.world import Holder, Number, details_of, service_of, settings_of

NAME = "+440001"
NUMBER = Number(NAME, "acme", "london", "RESERVED", devices=(("desk", "digital"),))
WORLD = (Holder("acme", "london", 2, (NUMBER,)),)
KNOWN = details_of(NUMBER)
MOVED: Fields = {**KNOWN, "account_id": "globex", "extension": "v2"}


def said(
    version: int, fields: Fields, kind: str = "phone_number", *, deleted: bool = False
) -> Statement:
    names = {"hunt_group_member": ("hunt_group_id", "phone_number"), "phone_number": (*KNOWN,)[:1]}
    key = tuple(str(fields[name]) for name in names[kind])
    return Statement(version, 0, kind, key, version, fields, deleted=deleted)


def member(version: int, *, deleted: bool = False) -> Statement:
    fields: Fields = {"hunt_group_id": "team", "phone_number": NAME}
    return said(version, fields, "hunt_group_member", deleted=deleted)


def found(*statements: Statement, conflicts: tuple[str, ...] = (), **held: object) -> list[str]:
    """The differences if the number is held with these details."""
    expected = Records(WORLD, statements, set(conflicts))
    records = Held(
        numbers={} if held.get("gone") else {NAME: {"label": None, **KNOWN, **held}},
        services={"service-acme-london": service_of(WORLD[0])},
        settings={NAME: settings_of(WORLD[0])},
    )
    return list(expected.differences(records, {NAME} if held.get("label") == "" else set()))


def test_highest_version_counts_in_whatever_order() -> None:
    newer, older = said(2, MOVED), said(1, KNOWN)

    for statements in ((older, newer), (newer, older), (newer, older, newer)):
        assert found(*statements, account_id="globex", extension="v2") == []
        assert len(found(*statements)) == 1


def test_details_may_be_cleared_by_a_deactivation_only() -> None:
    labelled = said(1, {**KNOWN, "label": "desk"})
    blank = Held(numbers={NAME: {**KNOWN, "label": None, "features": []}})
    expected = Records((), (labelled,), set())

    assert list(expected.differences(blank, {NAME})) == []
    assert len(list(expected.differences(blank, set()))) == 1


def test_refused_statement_may_have_been_applied_when_it_was_repeated() -> None:
    refused = said(2, MOVED)._replace(conflict=NUMBER_IN_USE)

    assert found(refused, conflicts=(refused.id,)) == []
    assert found(refused, conflicts=(refused.id,), account_id="globex", extension="v2") == []
    assert len(found(refused)) == 1


def test_statement_that_always_meets_a_conflict_is_never_applied() -> None:
    second = said(2, {**KNOWN, "main_number": True})._replace(conflict=SECOND_MAIN)

    assert found(second, conflicts=(second.id,)) == []
    assert len(found(second, conflicts=(second.id,), main_number=True)) == 1


def test_deleted_number_is_gone() -> None:
    deletion = said(1, KNOWN, deleted=True)

    assert found(deletion, gone=True) == []
    assert len(found(deletion)) == 1
    assert len(found(gone=True)) == 1


def test_memberships_and_logins_end_with_the_account() -> None:
    stays = Records(WORLD, (member(1),), set())
    left = Records(WORLD, (member(1), said(2, MOVED)), set())
    joined_later = Records(WORLD, (said(2, MOVED), member(1)), set())

    assert (stays.members, stays.logins) == ({(NAME, "team")}, {(NAME, "desk")})
    assert (left.members, left.logins) == (set(), set())
    assert joined_later.members == {(NAME, "team")}


def test_deletion_is_remembered() -> None:
    late = Records(WORLD, (member(2, deleted=True), member(1)), set())

    assert late.members == set()
    assert late.ended == {(NAME, "team")}
