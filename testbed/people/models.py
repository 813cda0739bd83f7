"""Companies, the people who work for them or for the facility, API tokens, the journal."""

from typing import ClassVar

import pgtrigger
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from stdnum.exceptions import ValidationError as NumberError

from testbed.people import business_number
from testbed.people.querysets import (
    CompanyQuerySet,
    JournalQuerySet,
    TokenQuerySet,
    UserAccounts,
    UserQuerySet,
)


def check_business_number(value: str) -> None:
    """Raise ValidationError unless `value` is a right ten-digit number (사업자등록번호)."""
    try:
        business_number.validate(value)
    except NumberError as error:
        raise ValidationError(
            _("This is not a valid business registration number; check its ten digits.")
        ) from error


class Sector(models.TextChoices):
    MATERIALS = "materials", _("Materials")
    PARTS = "parts", _("Parts")
    EQUIPMENT = "equipment", _("Equipment")


class SizeClass(models.TextChoices):
    """Decides the discount on service lines (domain: fee schedule)."""

    SME = "sme", _("Small or medium-sized company")
    LARGE = "large", _("Large company")
    ACADEMIA = "academia", _("University")
    INSTITUTE = "institute", _("Research institute")


class Company(models.Model):
    """A company that proves its products here; everything it owns is walled off from others."""

    name_ko = models.CharField(max_length=100)
    name_en = models.CharField(max_length=100)
    business_number = models.CharField(
        max_length=10, unique=True, validators=[check_business_number]
    )
    sector = models.CharField(max_length=12, choices=Sector.choices)
    size_class = models.CharField(max_length=12, choices=SizeClass.choices)
    is_active = models.BooleanField(default=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True)
    credit_limit_won = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="of live bookings together, VAT included; empty: no limit"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CompanyQuerySet.as_manager()

    class Meta:
        ordering = ("name_en",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(business_number__regex=r"^\d{10}$"),
                name="company_business_number_ten_digits",
                violation_error_message=_("A business registration number has ten digits."),
            ),
        ]

    def __str__(self) -> str:
        return self.name_ko if get_language() == "ko" else self.name_en


class Role(models.TextChoices):
    ENGINEER = "engineer", _("Company engineer")
    READER = "reader", _("Read-only member")
    TECHNICIAN = "technician", _("Technician")
    PROCESS_ENGINEER = "process_engineer", _("Process engineer")
    ADMINISTRATOR = "administrator", _("Administrator")
    AUDITOR = "auditor", _("Auditor")


COMPANY_ROLES = (Role.ENGINEER, Role.READER)
STAFF_ROLES = (Role.TECHNICIAN, Role.PROCESS_ENGINEER, Role.ADMINISTRATOR, Role.AUDITOR)


class Language(models.TextChoices):
    """In which a person is written to; each in its own words, so that everybody finds theirs."""

    KOREAN = "ko", "한국어"
    ENGLISH = "en", "English"


class User(AbstractBaseUser):
    """One person: a member of a company, or of the facility's staff; signs in by mail address."""

    email = models.EmailField(max_length=120, unique=True)
    name = models.CharField(max_length=60)
    role = models.CharField(max_length=20, choices=Role.choices)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="members"
    )
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.KOREAN)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = UserAccounts.from_queryset(UserQuerySet)()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name", "role"]

    class Meta:
        ordering = ("email",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=COMPANY_ROLES, company__isnull=False)
                | models.Q(role__in=STAFF_ROLES, company__isnull=True),
                name="user_company_fits_role",
                violation_error_message=_(
                    "A company's member needs a company; the facility's staff have none."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_staff_member(self) -> bool:
        """True for the facility's own people, who see every company's work."""
        return self.role in STAFF_ROLES


class Group(models.Model):
    """Companies and people for whom some booking rules differ, such as a support programme's.

    rank: of two groups of one person with different settings, the lower rank's counts.
    """

    code = models.SlugField(max_length=20, unique=True)
    name_ko = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60)
    rank = models.PositiveSmallIntegerField(default=100)
    companies = models.ManyToManyField(Company, blank=True, related_name="groups")
    users = models.ManyToManyField(User, blank=True, related_name="groups")

    class Meta:
        ordering = ("rank", "code")

    def __str__(self) -> str:
        return self.name_ko if get_language() == "ko" else self.name_en


class ApiToken(models.Model):
    """A key for the API. Only its SHA-256 is stored; the key itself is shown once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name


class JournalEntry(models.Model):
    """Who did what, when: append-only, kept by the database (see `testbed.people.journal`)."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    company = models.ForeignKey(Company, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    details = models.JSONField(default=dict)

    objects = JournalQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject_kind", "subject_id", "id"]),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_kind} {self.subject_id}"
