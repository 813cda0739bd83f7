"""Reads of usage lines; a company sees its own."""

from testbed.people.querysets import CompanyOwnedQuerySet


class UsageLineQuerySet(CompanyOwnedQuerySet):
    """Lines of ended runs."""
