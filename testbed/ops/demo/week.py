"""A week of the demo's timeline: both companies' bookings and some maintenance, from a seed."""

from datetime import datetime, time, timedelta
from random import Random

from django.utils import timezone

from testbed.booking.approve import approve
from testbed.booking.models import Booking, Holiday
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.notices.models import Notice, NoticeState
from testbed.ops.demo import closures
from testbed.people.models import User
from testbed.tools.models import Tool

SEED = 20_250_301
DAYS = 7
PURPOSES = ("Slurry comparison", "Quartz ring qualification", "Precursor film", "Pattern wafers")
# Of ten pieces of a tool's day: who has it. The rest stays free.
SHARES = ("alice", "charlie", "charlie", "charlie", "maintenance", "", "", "", "", "")
PENDING_SHARE = 0.2


def load(*, people: dict[str, User], approver: User) -> None:
    """Fill the seven days after today, unless somebody has booked already."""
    if Booking.objects.exists():
        return
    random = Random(SEED)  # noqa: S311 - a demo, the same every time
    today = timezone.localdate()
    closures.announce_all(administrator=people["admin"])
    resting = set(Holiday.objects.values_list("day", flat=True))
    for tool in Tool.objects.order_by("pk"):
        for day in range(1, DAYS + 1):
            date = today + timedelta(days=day)
            if tool.works_weekends or (date.weekday() < 5 and date not in resting):
                for hour in (9, 12, 15):
                    start = datetime.combine(date, time(hour), timezone.get_current_timezone())
                    _piece(random, tool, start, people, approver)
    # Nobody comes home to the mail of a week that was made up in a second.
    Notice.objects.filter(state=NoticeState.NEW).update(
        state=NoticeState.KEPT, read_at=timezone.now()
    )


def _piece(
    random: Random, tool: Tool, start: datetime, people: dict[str, User], approver: User
) -> None:
    """One claim of one to three hours, or none."""
    who = random.choice(SHARES)
    end = start + timedelta(hours=random.choice((1, 2, 3)))
    if who == "maintenance":
        closures.maintain(technician=people["technician"], tool=tool, starts_at=start, ends_at=end)
    elif who:
        answers = Answers(wafer_count=random.randint(1, 25), purpose=random.choice(PURPOSES))
        booking = place(
            actor=people[who],
            target=Target(tool=tool),
            starts_at=start,
            ends_at=end,
            answers=answers,
        )
        if random.random() > PENDING_SHARE:
            approve(actor=approver, booking=booking)
