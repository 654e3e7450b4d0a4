"""The public names of vidmetrics and where they are defined, for type checkers and for `lazy_loader`."""

import vidmetrics.one_call as _one_call

from .catalog.conventions import CONVENTIONS as CONVENTIONS
from .catalog.conventions import Convention as Convention
from .catalog.definitions import METRICS as METRICS
from .catalog.definitions import get_metric as get_metric
from .catalog.metric import MetricDefinition as MetricDefinition
from .errors import InputError as InputError
from .estimators.base import Estimate as Estimate
from .estimators.registry import make_estimator as make_estimator
from .metric_objects.metric_choice import metric as metric
from .metric_objects.metric_choice import torchmetric as torchmetric
from .metric_objects.metric_object import Metric as Metric
from .metric_objects.metric_object import Metrics as Metrics
from .metric_objects.statistics_files import Statistics as Statistics
from .networks import load_network as load_network
from .one_call import measure as measure
from .statistics.extrapolation import at_infinity as at_infinity
from .statistics.frames import best_of_k as best_of_k
from .statistics.frames import mean_of_k as mean_of_k
from .statistics.frames import psnr_frames as psnr_frames
from .statistics.frames import ssim_frames as ssim_frames
from .statistics.frechet import frechet_distance as frechet_distance
from .statistics.inception_score import inception_score as inception_score
from .statistics.intervals import jackknife_interval as jackknife_interval
from .statistics.kernel import kid_subsets as kid_subsets
from .statistics.kernel import polynomial_mmd as polynomial_mmd
from .statistics.manifold import density_coverage as density_coverage
from .statistics.manifold import precision_recall as precision_recall
from .statistics.moments import Moments as Moments
from .statistics.second_moments import second_moment_distance as second_moment_distance

# One function for each metric id of the catalog: written by `make schema`.
coverage: _one_call.Pairwise
coverage_shapes: _one_call.Pairwise
density: _one_call.Pairwise
density_shapes: _one_call.Pairwise
fid: _one_call.Pairwise
fid_c3d_ucf101: _one_call.Pairwise
fid_i3d_k600: _one_call.Pairwise
fid_inf: _one_call.Pairwise
fid_shapes: _one_call.Pairwise
fvd: _one_call.Pairwise
fvd_cdfvd: _one_call.Pairwise
fvd_inf: _one_call.Pairwise
fvd_inf_shapes: _one_call.Pairwise
fvd_magvit: _one_call.Pairwise
fvd_shapes: _one_call.Pairwise
fvd_shapes_second: _one_call.Pairwise
fvd_styleganv: _one_call.Pairwise
fvd_videogpt: _one_call.Pairwise
fvd_videomae_ssv2: _one_call.Pairwise
fvd_videomae_ssv2_cdfvd: _one_call.Pairwise
is_: _one_call.Alone
is_c3d_ucf101: _one_call.Alone
is_i3d_k600: _one_call.Alone
is_shapes: _one_call.Alone
jedi: _one_call.Pairwise
jedi_shapes: _one_call.Pairwise
kid: _one_call.Pairwise
kvd: _one_call.Pairwise
kvd_shapes: _one_call.Pairwise
lpips: _one_call.Pairwise
lpips_vgg: _one_call.Pairwise
precision: _one_call.Pairwise
precision_shapes: _one_call.Pairwise
psnr: _one_call.Pairwise
recall: _one_call.Pairwise
recall_shapes: _one_call.Pairwise
ssim: _one_call.Pairwise
