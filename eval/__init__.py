"""Evaluation: quality, size and speed of archives, and what other codecs need for the same frames.

    archive     an archive against its frames: `score`
    measures/   what is measured, each measure defined once
    peers/      other codecs and models on the same frames        `todpack eval peers`
    trials      train, pack, score and time in processes of their own, for:
    ab/         the variants of gridmlp, compared                 `todpack eval ab`
    rd/         curves of size against quality, and plots         `todpack eval rd`
    search/     many trainings over a space of options            `todpack search`
    bench/      ours beside the peers, against the targets        `todpack eval bench`
    report/     one HTML page about an archive                    `todpack eval report`
    view/       one HTML page that decodes an archive             `todpack view`
    web/        what the two pages share
    cli         `todpack eval`, with `score` and `latency`; `options` are shared by all commands
    process     this package's commands as child processes; `machine`, `tables`, `errors`

What a command or a measure needs is imported when it is used: neither torch nor a peer's package before.
"""

from .archive import score
from .errors import EvalError
from .measures.score import ScoreReport

__all__ = ["EvalError", "ScoreReport", "score"]
