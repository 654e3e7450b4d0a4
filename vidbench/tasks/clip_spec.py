"""The keys of a task file that say which frames of which video make a clip, and at what size."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vidbench.tasks.limits import MOST_CLIPS_PER_VIDEO, MOST_FRAMES, MOST_PIXELS, MOST_SEED, MOST_STRIDE
from vidbench.tasks.spec import Spec

_Pixels = Annotated[int, Field(ge=1, le=MOST_PIXELS)]
Starts = Literal["uniform", "first", "even", "all", "before-last", "center", "disjoint"]
Crop = Literal["none", "center", "three"]
Resize = Literal["none", "pil-bilinear", "pil-bicubic", "pil-lanczos", "pil-box", "tf1-bilinear", "tf2-bilinear"]
Draw = Literal["once", "replacement", "python-sample"]
Order = Literal["seed", "list", "name", "path", "balanced"]
PixelConvention = Literal["exact", "ffmpeg-default"]


class ClipSpec(Spec):
    """Which frames of which video make a clip, and at what size."""

    _always_hashed = frozenset(["context_frames", "stride", "clips_per_video", "seed"])

    num_frames: int = Field(ge=1, le=MOST_FRAMES, description="Length of a clip in frames, context frames included.")
    context_frames: int = Field(default=0, ge=0, le=MOST_FRAMES, description="Context frames; 0 for generation.")
    stride: int = Field(default=1, ge=1, le=MOST_STRIDE, description="Take every stride-th frame of the video.")
    height: int = Field(ge=1, le=MOST_PIXELS, description="Frame height in pixels.")
    width: int = Field(ge=1, le=MOST_PIXELS, description="Frame width in pixels.")
    resize: Resize = Field(
        description="Kernel for resizing to the task's size: Pillow's are antialiased, TensorFlow's skip pixels; 'none' refuses "
        "videos of other sizes."
    )
    crop: Crop = Field(
        description="'center' crops to the largest central window with the task's aspect ratio before the resize; 'three' "
        "crops to that window at the start, the centre and the end of the longer side, giving three clips."
    )
    clips_per_video: int = Field(
        default=1, ge=1, le=MOST_CLIPS_PER_VIDEO, description="Clips per video; clip 0 of every video comes first."
    )
    seed: int = Field(default=0, ge=0, le=MOST_SEED, description="Seed of the clip plan.")
    starts: Starts = Field(
        default="uniform",
        description="First frames of a video's clips: 'uniform' draws each from the seed; 'first' is frame 0; 'even' spreads "
        "them from the first possible start to the last; 'all' takes every possible start and refuses a video that does not "
        "have exactly clips_per_video of them; 'before-last' is 'uniform' without the last possible start, unless it is the only "
        "one; 'center' begins num_frames // 2 frames (of the stride) before frame n // 2 of n; 'disjoint' takes all windows that follow "
        "each other from frame 0 without a gap, as many as the video has.",
    )
    draw: Draw = Field(
        default="once",
        description="'once' uses each clip of each video once; 'replacement' draws a video for each clip independently; "
        "'python-sample' takes the clips that Python's random.Random(seed).sample draws from the list of all, in its order.",
    )
    order: Order = Field(
        default="seed",
        description="Order of the plan, from whose start clips are taken: 'seed' draws it; 'list' is that of the official list, 'name' sorts videos by name, 'path' by class "
        "and then name; 'balanced' takes equally many videos of each class, rounded up, in an order from the seed.",
    )
    spares: Literal["none", "next"] = Field(
        default="none",
        description="'next': the clips of missing videos are replaced by the next ones past the requested number, so that "
        "the number is exact; no other clip moves. 'none': they are not replaced.",
    )
    via: tuple[_Pixels, _Pixels] | None = Field(
        default=None, description="Intermediate height and width, resized to first."
    )
    via_resize: Resize | None = Field(
        default=None, description="Kernel of the step to `via`; default: that of `resize`."
    )
    every: int = Field(
        default=1,
        ge=1,
        le=MOST_STRIDE,
        description="Take the first of this many videos at a time, in the order of the plan; an incomplete rest gives none.",
    )
    spread: bool = Field(
        default=False,
        description="True: clip i of N is of video round(i / (N - 1) * (V - 1)) of V, a half rounded to the even one, instead of the first N.",
    )
    crop_after_resize: bool = Field(
        default=False,
        description="True: the short side is resized to that of the clip, the long one to the whole pixel below the same scale, and "
        "then the centre is cropped, half an odd rest rounded to the even pixel; false: cropped first.",
    )
    min_frames: int | None = Field(
        default=None,
        ge=1,
        le=MOST_FRAMES,
        description="Videos with fewer frames are dropped, and the result says how many; without it they are refused.",
    )
    short_stride: int | None = Field(
        default=None, ge=1, le=MOST_STRIDE, description="Stride in videos that are too short for a clip at `stride`."
    )
    pixels: PixelConvention = Field(
        default="exact",
        description="How decoded video becomes RGB: 'exact' is the same on every machine; 'ffmpeg-default' is FFmpeg's default, "
        "for comparison with published numbers, and never official.",
    )

    @property
    def num_bytes(self) -> int:
        """Bytes of one clip, uint8 RGB."""
        return self.num_frames * self.height * self.width * 3

    @property
    def starts_per_video(self) -> int:
        """Number of temporal windows per video; with crop 'three' each gives three clips."""
        return self.clips_per_video // 3 if self.crop == "three" else self.clips_per_video

    @property
    def least_frames(self) -> int:
        """Length of the shortest video that a clip can be cut from."""
        return (self.num_frames - 1) * min(self.stride, self.short_stride or self.stride) + 1

    @property
    def depends_on_lengths(self) -> bool:
        """Whether the plan depends on the lengths of all videos, so that it needs a scan to be quick."""
        return self.starts == "disjoint" or self.min_frames is not None

    @property
    def covers_what_is_there(self) -> bool:
        """Whether the plan is over the videos on disk instead of the official list, because nobody knows what a missing one would give."""
        return self.depends_on_lengths or self.order == "balanced"

    @model_validator(mode="after")
    def _possible(self) -> ClipSpec:
        self._check_order()
        if self.crop == "three" and self.clips_per_video % 3:
            raise ValueError("clips_per_video must be a multiple of 3 with crop 'three': three spatial windows each")
        if self.starts == "first" and self.starts_per_video != 1:
            raise ValueError("starts 'first' gives one window per video, so clips_per_video must match")
        if self.starts in ("center", "disjoint") and self.clips_per_video != 1:
            raise ValueError(
                f"starts '{self.starts}' decides the number of windows, so omit clips_per_video and crop 'three'"
            )
        if self.draw == "replacement" and (self.starts not in ("uniform", "first") or self.clips_per_video != 1):
            raise ValueError(
                "draw 'replacement' draws one clip at a time: use starts 'uniform' or 'first' and clips_per_video 1"
            )
        if self.via is not None and (min(self.via) < 1 or self.resize == "none"):
            raise ValueError("via is a height and a width of at least 1 pixel, and needs a kernel in resize")
        if self.via_resize is not None and (self.via is None or self.via_resize == "none"):
            raise ValueError("via_resize is the kernel of the step to via, and needs a size there")
        return self

    def _check_order(self) -> None:
        by_list = self.order in ("list", "name", "path")
        if (self.every > 1 or self.spread) and not by_list:
            raise ValueError("every and spread choose from a list: set order to 'list', 'name' or 'path'")
        if self.spread and (self.clips_per_video != 1 or self.draw != "once" or self.starts == "disjoint"):
            raise ValueError("spread chooses a video for each clip: omit clips_per_video, draw and starts 'disjoint'")
        if self.draw == "replacement" and (self.order != "seed" or self.depends_on_lengths):
            raise ValueError(
                "draw 'replacement' draws from the whole list: omit order, min_frames and starts 'disjoint'"
            )
        if self.draw == "python-sample" and not by_list:
            raise ValueError("draw 'python-sample' draws from a sorted list: set order to 'list', 'name' or 'path'")
        if self.spares == "next" and (
            self.order == "balanced" or self.spread or self.draw == "python-sample" or self.depends_on_lengths
        ):
            raise ValueError(
                "spares 'next' needs a plan that does not depend on the number of clips or the lengths of videos: omit it, since such "
                "a plan covers the videos on disk"
            )
        if self.short_stride is not None and self.short_stride >= self.stride:
            raise ValueError("short_stride is for videos that are too short at `stride`, so it must be smaller")
        if self.min_frames is not None and self.min_frames < self.least_frames:
            raise ValueError(f"min_frames must be at least {self.least_frames}, the frames that a clip covers")
        if self.crop_after_resize and (self.crop != "center" or self.resize == "none"):
            raise ValueError("crop_after_resize needs crop 'center' and a kernel in resize")


class PlanSpec(Spec):
    """How the clip plan of the reference set differs from `clips`; omitted keys are taken from there."""

    clips_per_video: int | None = Field(
        default=None, ge=1, le=MOST_CLIPS_PER_VIDEO, description="As clips.clips_per_video."
    )
    seed: int | None = Field(default=None, ge=0, le=MOST_SEED, description="As clips.seed.")
    starts: Starts | None = Field(default=None, description="As clips.starts.")
    draw: Draw | None = Field(default=None, description="As clips.draw.")
    order: Order | None = Field(default=None, description="As clips.order.")
    every: int | None = Field(default=None, ge=1, le=MOST_STRIDE, description="As clips.every.")
    spread: bool | None = Field(default=None, description="As clips.spread.")
    stride: int | None = Field(default=None, ge=1, le=MOST_STRIDE, description="As clips.stride.")
    min_frames: int | None = Field(default=None, ge=1, le=MOST_FRAMES, description="As clips.min_frames.")
    short_stride: int | None = Field(default=None, ge=1, le=MOST_STRIDE, description="As clips.short_stride.")
    crop: Crop | None = Field(default=None, description="As clips.crop.")
    via: tuple[_Pixels, _Pixels] | None = Field(default=None, description="As clips.via.")
