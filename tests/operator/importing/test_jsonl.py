import io

import pytest

from tests.support.data.records import Fields, call_settings, login, number, refusal, service
from worker.operator.importing.import_records import ImportRefused, import_lines
from worker.operator.importing.jsonl import lines_of

# Invalid records are found without a database: none listens here.
NOWHERE = "postgresql+asyncpg://127.0.0.1:1/none"

INVALID_RECORDS = [
    (number("442079460001"), "phone_number: write numbers like"),
    (number("+0123456789"), "phone_number: write numbers like"),
    (number("+4420794600010000"), "phone_number: write numbers like"),
    (number(site_id="lon don"), "site_id: String should match pattern"),
    (number(colour="red"), "colour: is not a field of this kind of record"),
    (number(pin="1234"), "pin: is not a field of this kind of record"),
    (number(features={"pin": ""}), "features: a PIN is not a feature"),
    (number(features=["reset_pin"]), "features: a PIN is not a feature"),
    (number(features=["Voicemail"]), "features.0: String should match pattern"),
    (number(features=[{"voicemail": True}]), "features.0: Input should be a valid string"),
    (number(features=[["a"], 1]), "features.0: Input should be a valid string"),
    (number(features=7), "features: Input should be a valid array"),
    (number(label="a\0b"), "label: String should match pattern"),
    (number(extension=""), "extension: String should match pattern"),
    (number(main_number="no"), "main_number: Input should be a valid boolean"),
    (number(status="active"), "status: Input should be 'AVAILABLE'"),
    (number(status="PENDING"), "only the worker sets PENDING"),
    (number(status="AVAILABLE"), "an AVAILABLE number has no account"),
    (number(account_id=None), "a number that is RESERVED needs an account_id"),
    (number(status="ACTIVE", account_id=None), "a number that is ACTIVE needs an account_id"),
    (number(main_number=True, assigned_to="ann"), "a main number is not assigned to a person"),
    (service(quantity=-1), "quantity: Input should be greater than or equal to 0"),
    (service(quantity="5"), "quantity: Input should be a valid integer"),
    (service(account_kind="tenant"), "account_kind: Input should be 'operator' or 'occupier'"),
    (service(starts_on="soon"), "starts_on: must be a date, as in 2026-11-24"),
    (service(starts_on="2026-02-01", ends_on="2026-01-31"), "ends_on is before starts_on"),
    (call_settings(in_hours="moon"), "in_hours: Input should be 'hunt_group'"),
    (login(device_kind="fax"), "device_kind: Input should be 'digital'"),
]


@pytest.mark.parametrize(("wrong", "problem"), INVALID_RECORDS)
async def test_import_names_an_invalid_record(wrong: Fields, problem: str) -> None:
    message = await refusal(NOWHERE, service(), wrong)

    assert message.startswith(f"line 2: {problem}")


async def test_import_error_never_contains_the_value() -> None:
    wrong = number(pin="1234-secret", label="secret\0", features=["SECRET"])

    assert "secret" not in (await refusal(NOWHERE, wrong)).lower()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"[1]", "line 1: Input should be"),
        (b'{"kind": "phone_number"', "line 1: not JSON"),
        (b'{"kind": "phone_number", "label": "\xff"}', "line 1: not UTF-8 at byte 35; save the"),
        (b"{}", "line 1: Unable to extract tag"),
        (b'{"quantity": 5, "quantity": 500}', "line 1: the key 'quantity' occurs twice"),
        (b'{"features": {"a": 1, "a": 2}}', "line 1: the key 'a' occurs twice"),
        ('{"kind": "é"}'.encode("latin-1"), "line 1: not UTF-8 at byte 10; save the file"),
        ("\ufeff{}".encode("utf-16-le"), "line 1: it is UTF-16: save the file as UTF-8"),
        ("{}".encode("utf-16-be"), "line 1: it holds NUL bytes, as UTF-16 does"),
        (b'{"kind": "\x00"}', "line 1: it holds NUL bytes"),
        (b"{}\r{}\r", "line 1: not JSON.*it holds carriage returns: end lines with a line feed"),
        (b" " * 70_000 + b"{}", "line 1: Unable to extract tag"),
        (b'"' + b"x" * 70_000 + b'"', "line 1: it has more than 65,536 bytes"),
        (b"[" * 60_000, "line 1: the JSON is nested too deeply"),
        (b'{"quantity": NaN}', "line 1: not JSON: NaN is not a JSON number"),
        (b"", "line 1: there is no record: the file is empty"),
        (b"\xef\xbb\xbf\r\n", "line 1: there is no record: the file is empty"),
    ],
)
async def test_import_names_a_line_that_is_not_a_record(line: bytes, problem: str) -> None:
    with pytest.raises(ImportRefused, match=problem):
        await import_lines(NOWHERE, [line])


async def test_import_names_utf_16_once() -> None:
    lines = io.BytesIO("{}\n{}\n{}\n".encode("utf-16"))

    with pytest.raises(ImportRefused) as refused:
        await import_lines(NOWHERE, lines_of(lines))
    assert str(refused.value) == "line 1: it is UTF-16: save the file as UTF-8"


def test_lines_of_a_file_are_cut_where_they_are_too_long() -> None:
    file = io.BytesIO(b"first\n" + b"x" * 1_000_000 + b"\nthird\n" + b"y" * 200_000)

    lines = list(lines_of(file))

    assert [len(line) for line in lines] == [6, 65_537, 6, 65_537]
    assert (lines[0], lines[2]) == (b"first\n", b"third\n")


async def test_import_shows_twenty_errors_and_counts_the_rest() -> None:
    wrong = [number("nonsense")] * 23
    message = await refusal(NOWHERE, *wrong)

    assert message.count("line ") == 20
    assert message.endswith("and 3 more errors")
