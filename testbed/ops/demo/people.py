"""The demo's companies and cast. Their numbers and addresses are made up and reserved."""

from dataclasses import dataclass

from testbed.people.models import Company, Role, Sector, SizeClass, User

PASSWORD = "testbed-demo-300mm"  # noqa: S105 - printed on the terminal; a demo has no secrets


@dataclass(frozen=True)
class Person:
    """One member of the cast; `company` is a business number, or empty for the staff."""

    email: str
    name: str
    role: Role
    company: str = ""


GAON, NURI = "9998100015", "9998100029"
COMPANIES = (
    (GAON, "가온소재", "Gaon Materials", Sector.MATERIALS, SizeClass.SME),
    (NURI, "누리부품", "Nuri Parts", Sector.PARTS, SizeClass.LARGE),
)
CAST = (
    Person("alice@gaon.example", "Alice", Role.ENGINEER, GAON),
    Person("bob@gaon.example", "Bob", Role.READER, GAON),
    Person("charlie@nuri.example", "Charlie", Role.ENGINEER, NURI),
    Person("technician@testbed.example", "Technician", Role.TECHNICIAN),
    Person("process@testbed.example", "Process engineer", Role.PROCESS_ENGINEER),
    Person("author@testbed.example", "Recipe author", Role.PROCESS_ENGINEER),
    Person("admin@testbed.example", "Administrator", Role.ADMINISTRATOR),
    Person("auditor@testbed.example", "Auditor", Role.AUDITOR),
)


def load() -> dict[str, User]:
    """The cast by mail address; who is there already stays as they are."""
    companies = {entry[0]: _company(*entry) for entry in COMPANIES}
    return {person.email: _user(person, companies.get(person.company)) for person in CAST}


def _company(
    number: str, name_ko: str, name_en: str, sector: Sector, size_class: SizeClass
) -> Company:
    company, _made = Company.objects.get_or_create(
        business_number=number,
        defaults={
            "name_ko": name_ko,
            "name_en": name_en,
            "sector": sector,
            "size_class": size_class,
        },
    )
    return company


def _user(person: Person, company: Company | None) -> User:
    existing: User | None = User.objects.filter(email=person.email).first()
    if existing is not None:
        return existing
    return User.objects.create_user(
        email=person.email,
        password=PASSWORD,
        name=person.name,
        role=person.role,
        company=company,
    )
