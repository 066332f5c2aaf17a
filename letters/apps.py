from django.apps import AppConfig


class LettersConfig(AppConfig):
    name = "letters"
    verbose_name = "Letters"

    def ready(self) -> None:
        """A file of marks is not undone while a decision or a letter rests on it."""
        from attendance.undoing import WHAT_RESTS
        from letters.resting import what_rests

        WHAT_RESTS.append(what_rests)
