from django.apps import AppConfig


class BookingConfig(AppConfig):
    name = "testbed.booking"
    label = "booking"

    def ready(self) -> None:
        from testbed.booking import chain_watch, line_news, signals, standing
        from testbed.people import figures
        from testbed.people import signals as people_signals

        signals.line_changed.connect(line_news.tell, dispatch_uid="line_news")
        for moves in (signals.moved, signals.displaced):
            moves.connect(chain_watch.on_moved, sender=self.get_model("Booking"))
        figures.offer(standing.figures)
        people_signals.company_suspended.connect(standing.end_companys_holds)
        people_signals.member_deactivated.connect(standing.end_members_holds)
