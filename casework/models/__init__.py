"""What people do in a case, a file a kind: leave and part-time timetables, meetings and support, plans, notices, clocks, referrals.

A case, its tasks, its periods and its timeline are escalation's; what stands here belongs to a case or to a pupil at a school.
"""
