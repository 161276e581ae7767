"""rollouts: which version which box shall run, and how far each got by its own word."""

from fleet_server.rollouts.legs import STATES
from fleet_server.rollouts.reconcile import Legs
from fleet_server.rollouts.store import Leg, Rollout, list_rollouts, number_of, one, published

__all__ = ["STATES", "Leg", "Legs", "Rollout", "list_rollouts", "number_of", "one", "published"]
