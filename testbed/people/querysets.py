"""Reads of people and companies; `visible_to` is the only door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeAlias

from django.contrib.auth.base_user import BaseUserManager
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from testbed.people.models import ApiToken, Company, JournalEntry, User  # noqa: F401

    Viewer: TypeAlias = User | AnonymousUser


class CompanyOwnedQuerySet(models.QuerySet[Any]):
    """Rows owned by a company: its members see them, and so do the facility's staff."""

    company_path = "company"

    def visible_to(self, user: Viewer) -> Self:
        if not user.is_authenticated:
            return self.none()
        if user.is_staff_member:
            return self
        return self.filter(**{self.company_path: user.company_id})


class CompanyQuerySet(CompanyOwnedQuerySet):
    company_path = "pk"

    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> Company: ...


class UserAccounts(BaseUserManager[Any]):
    """Makes accounts; the password is hashed, never stored."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user: User = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        user: User = self.get(email__iexact=username)
        return user


class UserQuerySet(CompanyOwnedQuerySet):
    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> User: ...


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: Viewer) -> Self:
        """A token is its owner's alone, staff included."""
        return self.filter(user=user) if user.is_authenticated else self.none()


class JournalQuerySet(CompanyOwnedQuerySet):
    if TYPE_CHECKING:

        def get(self, *args: Any, **kwargs: Any) -> JournalEntry: ...
