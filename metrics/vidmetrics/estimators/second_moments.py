"""Distance of second moments (JEDi) over a stream of features, in constant memory."""

from __future__ import annotations

from typing import Any

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.moment_groups import MomentGroups
from vidmetrics.statistics.moments import Moments, leave_one_out, merged_moments
from vidmetrics.statistics.second_moments import second_moment_distance


class SecondMomentsEstimator(MomentGroups):
    """Distance of the second moments of a stream of features to those of the reference; arguments as for `MomentGroups`."""

    @staticmethod
    def settings_of(definition: MetricDefinition) -> dict[str, Any]:
        """Return the arguments beyond those of every estimator, by name."""
        return {}

    def result(self, reference: Moments | None) -> Estimate:
        """Return the estimate against fixed reference moments.

        Raises:
            InputError: fewer samples than expected, or no reference.
        """
        real, everything = self.given(reference), merged_moments(self.groups)
        value = second_moment_distance(everything, real)
        folds = None
        if len(self.groups) > 1:
            folds = [second_moment_distance(rest, real) for rest in leave_one_out(self.groups, everything)]
        return self.estimate(value, folds, real, statistic_facts("second-moments").attainable_range())

    def value(self, reference: Moments | None) -> float:
        """Return the value of `result` alone."""
        real = self.given(reference)
        return second_moment_distance(merged_moments(self.groups), real)
