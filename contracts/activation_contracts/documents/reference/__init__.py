"""The reference of messages, codes and statuses: a folder of Markdown pages and one HTML page.

Both are written from the same pages, which are made of the catalogue, the schemas and the texts
beside the definitions. `python -m activation_contracts.documents.reference` writes the Markdown
pages; the HTML page is one of the exported contracts.
"""

from activation_contracts.documents.reference.book import pages
from activation_contracts.documents.reference.html import html_document
from activation_contracts.documents.reference.markdown import markdown_files

__all__ = ["html_document", "markdown_files", "pages"]
