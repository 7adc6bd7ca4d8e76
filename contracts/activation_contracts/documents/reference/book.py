"""All pages, in their order, and the places to which names link."""

from functools import cache

from activation_contracts.catalogue import CATALOGUE
from activation_contracts.documents.reference.blocks import Page
from activation_contracts.documents.reference.groups import GROUPS, group_of
from activation_contracts.documents.reference.inline import Places, places_of
from activation_contracts.documents.reference.pages.codes import CODE_SYNONYMS, codes_page
from activation_contracts.documents.reference.pages.index import index_page
from activation_contracts.documents.reference.pages.message import message_page
from activation_contracts.documents.reference.pages.status import status_page
from activation_contracts.documents.reference.pages.values import values_page

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
