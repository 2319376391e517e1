"""The C module of the decoder, where a compiler built it; the one place that asks."""

try:
    from . import _native
except ImportError:  # no compiler, or another platform's build
    IS_BUILT = False
else:
    IS_BUILT, native = True, _native
