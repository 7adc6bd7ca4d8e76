"""Checks that what the worker publishes is what the contracts say, in every test that sees it."""
