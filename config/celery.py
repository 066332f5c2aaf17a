"""The Celery application and its schedule.

Redis is a bell, not a record: what is due stands in a table with a unique constraint, and the beat starts whatever the table says is
due. The settings below were tried with workers that are killed: a task is lost by Celery's defaults, and kept by these.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

VISIBILITY_TIMEOUT = 1200
"""Seconds after which Redis hands an unacknowledged task to another worker; every time limit lies below it."""

app = Celery("handrail")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_soft_time_limit=900,
    task_time_limit=1000,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
    },
    result_backend_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT},
    visibility_timeout=VISIBILITY_TIMEOUT,
    worker_soft_shutdown_timeout=20,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    timezone="Europe/London",
    beat_schedule={
        "claim-what-is-due": {"task": "letters.tasks.claim_due_nights", "schedule": 180.0},
        "draft-planned-letters": {"task": "letters.tasks.draft_planned_letters", "schedule": 180.0},
        "read-registers": {"task": "attendance.tasks.read_registers", "schedule": 900.0},
        "start-waiting-trials": {"task": "escalation.tasks.sweep_trials", "schedule": 180.0},
        "tidy-old-trials": {"task": "escalation.tasks.tidy_trials", "schedule": 21600.0},
        "make-waiting-packs": {"task": "evidence.tasks.sweep_packs", "schedule": 180.0},
        "send-due-messages": {"task": "messaging.tasks.send_due_messages", "schedule": 60.0},
        "poll-messages": {"task": "messaging.tasks.poll_messages", "schedule": 60.0},
        "read-replies": {"task": "messaging.tasks.read_replies", "schedule": 60.0},
    },
)
app.autodiscover_tasks()
