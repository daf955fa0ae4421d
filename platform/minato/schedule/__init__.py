"""Spec and what runs in, plan of steps out."""

from minato.schedule.deliver import deliver
from minato.schedule.workload import Spec, environment, labels, workload

__all__ = ["Spec", "deliver", "environment", "labels", "workload"]
