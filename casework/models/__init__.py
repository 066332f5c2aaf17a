"""What people do in a case, a file a kind: leave and part-time timetables, meetings and support, plans, notices, clocks, referrals.

A case, its tasks, its periods and its timeline are escalation's; what stands here belongs to a case or to a pupil at a school.
"""

from casework.models.clocks import Clock as Clock
from casework.models.discretion import Pause as Pause
from casework.models.documents import Document as Document
from casework.models.leave import LeaveDecision as LeaveDecision
from casework.models.leave import LeaveRequest as LeaveRequest
from casework.models.leave import PartTimeReview as PartTimeReview
from casework.models.leave import PartTimeTimetable as PartTimeTimetable
from casework.models.meetings import Attendee as Attendee
from casework.models.meetings import Meeting as Meeting
from casework.models.meetings import MeetingMove as MeetingMove
from casework.models.meetings import MeetingSlot as MeetingSlot
from casework.models.penalties import ImprovementNotice as ImprovementNotice
from casework.models.penalties import PenaltyGround as PenaltyGround
from casework.models.penalties import PenaltyMark as PenaltyMark
from casework.models.penalties import PenaltyNotice as PenaltyNotice
from casework.models.penalties import PenaltyRequest as PenaltyRequest
from casework.models.plans import Plan as Plan
from casework.models.plans import PlanAction as PlanAction
from casework.models.plans import PlanReview as PlanReview
from casework.models.plans import PlanSignature as PlanSignature
from casework.models.plans import Side as Side
from casework.models.plans import StandingApproval as StandingApproval
from casework.models.referrals import Referral as Referral
from casework.models.referrals import ReferralEvent as ReferralEvent
from casework.models.safeguarding import SafeguardingNote as SafeguardingNote
from casework.models.support import HomeVisit as HomeVisit
from casework.models.support import SupportOffer as SupportOffer
