"""All pages, in their order, and the places to which names link."""

from functools import cache

from activation_contracts.catalogue import CATALOGUE
from activation_contracts.reference.blocks import Page
from activation_contracts.reference.codes_page import CODE_SYNONYMS, codes_page
from activation_contracts.reference.groups import GROUPS, group_of
from activation_contracts.reference.index_page import index_page
from activation_contracts.reference.inline import Places, places_of
from activation_contracts.reference.message_page import message_page
from activation_contracts.reference.status_page import status_page
from activation_contracts.reference.values_page import values_page

__all__ = ["pages", "places"]


@cache
def pages() -> tuple[Page, ...]:
    """The index, the messages by group, and what explains their fields."""
    groups = [*GROUPS.values()]
    rows = sorted(CATALOGUE, key=lambda row: groups.index(group_of(row)))
    messages = (message_page(row) for row in rows)
    return (index_page(), *messages, status_page(), codes_page(), values_page())


@cache
def places() -> Places:
    """Where each message, code, status and type is explained."""
    return places_of(pages(), CODE_SYNONYMS)
