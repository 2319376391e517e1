/* The Python module todpack.decompressor._native: tiles, matrices and rotations of the library as objects.

   Sections come in decompressed and checked; arrays through the buffer protocol, of the sizes that the docstrings say.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <string.h>

#include "adaptive.h"
#include "basis.h"
#include "frame.h"
#include "packed_mask.h"
#include "packed_model.h"
#include "plain_bits.h"
#include "tile.h"

static PyObject *raise_status(TodStatus status)
{
    PyObject *kind = PyExc_ValueError;
    if (status == TOD_NO_MEMORY)
        return PyErr_NoMemory();
    if (status == TOD_OVER_LIMIT)
        kind = PyExc_BufferError;
    if (status == TOD_INEXACT || status == TOD_TOO_LARGE)
        kind = PyExc_OverflowError;
    PyErr_SetString(kind, tod_status_text(status));
    return NULL;
}

/* 0, and an exception, unless a buffer has so many bytes. */
static int has_bytes(const Py_buffer *buffer, size_t n, const char *name)
{
    if ((size_t)buffer->len == n)
        return 1;
    PyErr_Format(PyExc_TypeError, "%s: expected %zu bytes, found %zd", name, n, buffer->len);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ temporal matrix */

typedef struct Basis {
    PyObject_HEAD TodBasis *basis;
} Basis;

static void free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static void basis_dealloc(PyObject *self)
{
    if (((Basis *)self)->basis)
        tod_basis_free(((Basis *)self)->basis);
    free_object(self);
}

static PyObject *new_object(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

static PyObject *basis_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"codes", "hours", "gap_modes", "exponents", "precision", NULL};
    Py_buffer codes, hours, exponents;
    const char *modes;
    Py_ssize_t n_modes;
    int precision;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*y*s#y*i", names, &codes, &hours, &modes, &n_modes, &exponents,
                                     &precision))
        return NULL;
    Basis *self = NULL;
    const size_t n_columns = (size_t)exponents.len / sizeof(int32_t), n_hours = (size_t)n_modes;
    if (n_columns < 2 || n_hours < 1 || n_columns > 65536 || n_hours > (1 << 20)) {
        PyErr_SetString(PyExc_TypeError, "exponents, gap_modes: expected others");
    } else if (has_bytes(&codes, n_columns * 3 * n_hours * sizeof(int64_t), "codes") &&
               has_bytes(&hours, n_hours * sizeof(double), "hours") &&
               has_bytes(&exponents, n_columns * sizeof(int32_t), "exponents")) {
        self = (Basis *)new_object(type);
    }
    if (self) {
        const TodBasisSpec spec = {(int32_t)n_columns - 1, (int32_t)n_hours, hours.buf, modes, codes.buf,
                                   exponents.buf,          precision};
        const TodStatus status = tod_basis_open(&spec, tod_default_allocator(), &self->basis);
        if (status != TOD_OK) {
            Py_DECREF(self);
            self = NULL;
            raise_status(status);
        }
    }
    PyBuffer_Release(&codes);
    PyBuffer_Release(&hours);
    PyBuffer_Release(&exponents);
    return (PyObject *)self;
}

static PyObject *basis_at(PyObject *self, PyObject *time)
{
    const TodBasis *basis = ((Basis *)self)->basis;
    const double time_h = PyFloat_AsDouble(time);
    if (time_h == -1.0 && PyErr_Occurred())
        return NULL;
    PyObject *affine = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)tod_affine_bytes(tod_basis_maps(basis)));
    if (!affine)
        return NULL;
    const TodStatus status = tod_basis_at(basis, time_h, (TodAffine *)(void *)PyBytes_AsString(affine));
    if (status != TOD_OK) {
        Py_DECREF(affine);
        return raise_status(status);
    }
    return affine;
}

static PyMethodDef BASIS_METHODS[] = {
    {"at", basis_at, METH_O,
     "A(t) and b(t), bytes for Tile.frame and Tile.texel. OverflowError: beyond what is exact."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot BASIS_SLOTS[] = {
    {Py_tp_new, basis_new},
    {Py_tp_dealloc, basis_dealloc},
    {Py_tp_methods, BASIS_METHODS},
    {Py_tp_doc,
     "Basis(codes, hours, gap_modes, exponents, precision): the temporal matrix. codes: (K + 1, 3, T) int64; "
     "hours: (T,) float64; exponents: (K + 1,) int32."},
    {0, NULL},
};
static PyType_Spec BASIS_SPEC = {"todpack.decompressor._native.Basis", sizeof(Basis), 0, Py_TPFLAGS_DEFAULT,
                                 BASIS_SLOTS};

/* ------------------------------------------------------------------------------------------------ tiles */

typedef struct Tile {
    PyObject_HEAD TodTile *tile;
    int32_t *exponents; /* and what else the library borrows until it is finished */
    uint8_t *blocks;
    PyObject *rotations;
    TodOutput output;
    int32_t precision;
    long long bits_at;
} Tile;

static void tile_dealloc(PyObject *object)
{
    Tile *self = (Tile *)object;
    if (self->tile)
        tod_tile_free(self->tile);
    PyMem_Free(self->exponents);
    PyMem_Free(self->blocks);
    Py_XDECREF(self->rotations);
    free_object(object);
}

static void *copy_bytes(const void *data, size_t n)
{
    void *copy = PyMem_Malloc(n ? n : 1);
    if (copy)
        memcpy(copy, data, n);
    else
        PyErr_NoMemory();
    return copy;
}

/* Check the sizes of what describes a tile, and keep copies of what is needed until it is finished. */
static int keep_parts(Tile *self, const Py_buffer *valid, const Py_buffer *exponents, const Py_buffer *blocks,
                      PyObject *rotations, TodTileSpec *spec)
{
    const size_t n_maps = (size_t)exponents->len / sizeof(int32_t);
    if (!has_bytes(valid, (size_t)spec->height * (size_t)spec->width, "valid") ||
        !has_bytes(exponents, n_maps * sizeof(int32_t), "exponents"))
        return 0;
    spec->valid = valid->buf;
    spec->valid_stride = (size_t)spec->width;
    spec->n_maps = (int32_t)n_maps;
    self->exponents = copy_bytes(exponents->buf, (size_t)exponents->len);
    spec->exponents = self->exponents;
    if (!self->exponents || rotations == Py_None)
        return self->exponents != NULL;
    TodRegions *regions = &spec->regions;
    regions->rows = (spec->height + TOD_BLOCK - 1) / TOD_BLOCK;
    regions->columns = (spec->width + TOD_BLOCK - 1) / TOD_BLOCK;
    const size_t items = (size_t)regions->n_regions * n_maps * (size_t)tod_lanes_of(spec->n_maps);
    if (!PyBytes_Check(rotations) || (size_t)PyBytes_Size(rotations) != items * sizeof(float)) {
        PyErr_SetString(PyExc_TypeError,
                        "rotations: expected what rotations_of_codes gives for as many blocks and maps");
        return 0;
    }
    if (!has_bytes(blocks, (size_t)regions->rows * (size_t)regions->columns, "blocks"))
        return 0;
    for (Py_ssize_t i = 0; i < blocks->len; i++)
        if (((const uint8_t *)blocks->buf)[i] >= regions->n_regions) {
            PyErr_SetString(PyExc_TypeError, "blocks: expected numbers below n_regions");
            return 0;
        }
    self->blocks = copy_bytes(blocks->buf, (size_t)blocks->len);
    Py_INCREF(rotations);
    self->rotations = rotations;
    regions->rotations = (const float *)(const void *)PyBytes_AsString(rotations);
    regions->blocks = self->blocks;
    return self->blocks != NULL;
}

static TodStatus read_plain_bands(void *bits, const TodBandsSpec *spec, const TodPyramid *pyramid, TodArena *keep,
                                  TodArena *scratch, TodBands *bands)
{
    return tod_read_plain_bands(bits, spec, pyramid, keep, scratch, bands);
}

/* Coefficients are plain bits of `raw` where bits_at is a place in it, else of a stream. */
static int open_tile(Tile *self, const TodTileSpec *spec, const TodStream *stream)
{
    const TodTileMemory memory = {tod_scratch_allocator(), tod_scratch_allocator()};
    TodRawBits bits = {stream->raw, (uint64_t)self->bits_at, 8 * (uint64_t)stream->raw_bytes};
    TodStatus status;
    Py_BEGIN_ALLOW_THREADS if (self->bits_at < 0) status = tod_tile_open(spec, stream, memory, &self->tile);
    else status = tod_tile_open_from(spec, (TodBandsSource){read_plain_bands, &bits}, memory, &self->tile);
    Py_END_ALLOW_THREADS if (status != TOD_OK) raise_status(status);
    if (self->bits_at >= 0)
        self->bits_at = (long long)bits.position;
    return status == TOD_OK;
}

static PyObject *tile_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"valid",     "shape",     "n_levels", "q_step",    "centroids",  "precision",
                            "exponents", "smoothing", "dilates",  "rotations", "n_regions",  "blocks",
                            "is_wide",   "is_plain",  "model",    "symbols",   "lengths",    "raw",
                            "curve",     "knee",      "highest",  "bits_at",   "most_bytes", NULL};
    Py_buffer valid, exponents, blocks, model, symbols, lengths, raw;
    PyObject *rotations;
    TodTileSpec spec;
    TodStream stream;
    int curve, n_regions;
    long long bits_at = -1, most_bytes = 0;
    double highest;
    memset(&spec, 0, sizeof spec);
    memset(&stream, 0, sizeof stream);
    float knee;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*(ii)id(ff)iy*(pfff)pOiy*ppy*y*y*y*ifd|LL", names, &valid,
                                     &spec.height, &spec.width, &spec.n_levels, &spec.q_step, &spec.centroids[0],
                                     &spec.centroids[1], &spec.precision, &exponents, &spec.smoothing.is_on,
                                     &spec.smoothing.bound, &spec.smoothing.along_x, &spec.smoothing.along_y,
                                     &spec.dilates, &rotations, &n_regions, &blocks, &stream.is_wide, &stream.is_plain,
                                     &model, &symbols, &lengths, &raw, &curve, &knee, &highest, &bits_at, &most_bytes))
        return NULL;
    spec.regions.n_regions = n_regions;
    spec.most_bytes = (size_t)most_bytes;
    stream.model = model.buf;
    stream.model_bytes = (size_t)model.len;
    stream.symbols = symbols.buf;
    stream.symbol_bytes = (size_t)symbols.len;
    stream.lengths = lengths.buf;
    stream.n_lengths = (size_t)lengths.len / sizeof(uint32_t);
    stream.raw = raw.buf;
    stream.raw_bytes = (size_t)raw.len;
    Tile *self = NULL;
    if (spec.height < 1 || spec.width < 1 || n_regions < 1 || n_regions > 256 || curve < 0 || curve > TOD_CURVE_EXP ||
        bits_at > 8 * (long long)raw.len || most_bytes < 0)
        PyErr_SetString(PyExc_TypeError, "shape, n_regions, curve, bits_at or most_bytes: expected others");
    else
        self = (Tile *)new_object(type);
    if (self) {
        self->output = (TodOutput){TOD_RGB8, (TodCurve)curve, knee, (float)highest};
        self->precision = spec.precision;
        self->bits_at = bits_at;
        if (!keep_parts(self, &valid, &exponents, &blocks, rotations, &spec) || !open_tile(self, &spec, &stream)) {
            Py_DECREF(self);
            self = NULL;
        }
    }
    Py_buffer *all[] = {&valid, &exponents, &blocks, &model, &symbols, &lengths, &raw};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        PyBuffer_Release(all[i]);
    return (PyObject *)self;
}

static PyObject *tile_restore(PyObject *self, PyObject *args)
{
    TodTile *tile = ((Tile *)self)->tile;
    int first, end;
    if (!PyArg_ParseTuple(args, "ii", &first, &end))
        return NULL;
    if (first < 0 || first > end || end > tod_tile_groups(tile)) {
        PyErr_SetString(PyExc_IndexError, "no such groups of maps");
        return NULL;
    }
    TodStatus status;
    Py_BEGIN_ALLOW_THREADS status = tod_tile_restore(tile, first, end);
    Py_END_ALLOW_THREADS if (status != TOD_OK && status != TOD_TOO_LARGE) return raise_status(status);
    return PyBool_FromLong(status == TOD_OK);
}

static PyObject *tile_widen(PyObject *self, PyObject *unused)
{
    (void)unused;
    const TodStatus status = tod_tile_widen(((Tile *)self)->tile);
    if (status != TOD_OK)
        return raise_status(status);
    Py_RETURN_NONE;
}

static PyObject *tile_finish(PyObject *self, PyObject *unused)
{
    (void)unused;
    tod_tile_finish(((Tile *)self)->tile);
    Py_RETURN_NONE;
}

static PyObject *tile_latents(PyObject *object, PyObject *args)
{
    const Tile *self = (const Tile *)object;
    const TodMaps *maps = tod_tile_maps(self->tile);
    Py_buffer out;
    if (!PyArg_ParseTuple(args, "w*", &out))
        return NULL;
    const size_t width = (size_t)maps->runs.width, area = (size_t)maps->runs.height * width;
    const int fits = has_bytes(&out, (size_t)maps->n_maps * area * sizeof(float), "out");
    if (fits) {
        Py_BEGIN_ALLOW_THREADS tod_latents(maps, self->exponents, self->precision, out.buf, width, area);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&out);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

/* The affine's bytes, or NULL and an exception where they are not of these maps. */
static const TodAffine *affine_of(const Tile *self, PyObject *bytes)
{
    const int32_t n_maps = tod_tile_maps(self->tile)->n_maps;
    if (!PyBytes_Check(bytes) || (size_t)PyBytes_Size(bytes) != tod_affine_bytes(n_maps) ||
        ((const TodAffine *)(const void *)PyBytes_AsString(bytes))->n_maps != n_maps) {
        PyErr_SetString(PyExc_TypeError, "affine: expected what Basis.at gives for as many maps");
        return NULL;
    }
    return (const TodAffine *)(const void *)PyBytes_AsString(bytes);
}

static PyObject *tile_frame(PyObject *object, PyObject *args)
{
    const Tile *self = (const Tile *)object;
    PyObject *bytes;
    TodRegion region;
    int format;
    Py_buffer out;
    Py_ssize_t offset, stride;
    if (!PyArg_ParseTuple(args, "O(iiii)iw*nn", &bytes, &region.y0, &region.y1, &region.x0, &region.x1, &format, &out,
                          &offset, &stride))
        return NULL;
    TodStatus status = TOD_BAD_ARGUMENT;
    const TodAffine *affine = affine_of(self, bytes);
    TodOutput output = self->output;
    if (affine && format >= 0 && format < TOD_N_FORMATS && region.y0 < region.y1 && region.x0 < region.x1) {
        output.format = (TodFormat)format;
        const Py_ssize_t row = (Py_ssize_t)tod_pixel_bytes(output.format) * (region.x1 - region.x0);
        const Py_ssize_t rows = region.y1 - region.y0;
        if (offset >= 0 && stride >= row && offset <= out.len - row && rows - 1 <= (out.len - row - offset) / stride) {
            Py_BEGIN_ALLOW_THREADS status =
                tod_frame(tod_tile_maps(self->tile), affine, &output, region, (char *)out.buf + offset, (size_t)stride);
            Py_END_ALLOW_THREADS
        }
    }
    PyBuffer_Release(&out);
    if (!affine)
        return NULL;
    if (status != TOD_OK)
        return raise_status(status);
    Py_RETURN_NONE;
}

static PyObject *tile_texel(PyObject *object, PyObject *args)
{
    const Tile *self = (const Tile *)object;
    PyObject *bytes;
    int y, x, as_rgb8;
    if (!PyArg_ParseTuple(args, "Oiip", &bytes, &y, &x, &as_rgb8))
        return NULL;
    const TodAffine *affine = affine_of(self, bytes);
    if (!affine)
        return NULL;
    TodOutput output = self->output;
    output.format = as_rgb8 ? TOD_RGB8 : TOD_RGB32F;
    uint8_t pixel[12];
    const TodRuns *runs = &tod_tile_maps(self->tile)->runs;
    if (y < 0 || y >= runs->height || x < 0 || x >= runs->width)
        return raise_status(TOD_BAD_ARGUMENT);
    const TodRegion region = {y, y + 1, x, x + 1};
    const TodStatus status = tod_frame(tod_tile_maps(self->tile), affine, &output, region, pixel, 0);
    if (status != TOD_OK)
        return raise_status(status);
    return PyByteArray_FromStringAndSize((const char *)pixel, (Py_ssize_t)tod_pixel_bytes(output.format));
}

static PyObject *tile_groups(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(tod_tile_groups(((Tile *)self)->tile));
}

static PyObject *tile_bytes(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(tod_tile_bytes(((Tile *)self)->tile));
}

static PyObject *tile_bits(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(tod_tile_maps(((Tile *)self)->tile)->is_wide ? 32 : 16);
}

static PyObject *tile_shape(PyObject *self, void *unused)
{
    (void)unused;
    const TodMaps *maps = tod_tile_maps(((Tile *)self)->tile);
    return Py_BuildValue("(iii)", maps->n_maps, maps->runs.height, maps->runs.width);
}

static PyObject *tile_bits_at(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(((Tile *)self)->bits_at);
}

static PyMethodDef TILE_METHODS[] = {
    {"restore", tile_restore, METH_VARARGS,
     "restore(first, end): restore groups of maps. False: they need 32 bits; widen, and restore all."},
    {"widen", tile_widen, METH_NOARGS, "Take 32-bit maps."},
    {"finish", tile_finish, METH_NOARGS, "Let go of what only restoring needs; frames can be made from now on."},
    {"latents", tile_latents, METH_VARARGS, "latents(out): (K, h, w) float32 maps into a buffer."},
    {"frame", tile_frame, METH_VARARGS,
     "frame(affine, (y0, y1, x0, x1), format, out, offset, stride): pixels of a region into a buffer."},
    {"texel", tile_texel, METH_VARARGS, "texel(affine, y, x, as_rgb8): three uint8 or float32 as bytes."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef TILE_MEMBERS[] = {
    {"n_groups", tile_groups, NULL, "Groups of maps to restore.", NULL},
    {"shape", tile_shape, NULL, "(K, h, w).", NULL},
    {"bits", tile_bits, NULL, "Of a map's integers: 16 or 32.", NULL},
    {"nbytes", tile_bytes, NULL, "Bytes that the tile holds.", NULL},
    {"bits_at", tile_bits_at, NULL, "The first bit of `raw` that is not the tile's; -1 where it came from a stream.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot TILE_SLOTS[] = {
    {Py_tp_new, tile_new},
    {Py_tp_dealloc, tile_dealloc},
    {Py_tp_methods, TILE_METHODS},
    {Py_tp_getset, TILE_MEMBERS},
    {Py_tp_doc, "The maps of one tile: made from its coded symbols, then restored group by group."},
    {0, NULL},
};
static PyType_Spec TILE_SPEC = {"todpack.decompressor._native.Tile", sizeof(Tile), 0, Py_TPFLAGS_DEFAULT, TILE_SLOTS};

/* ------------------------------------------------------------------------------------------------ module */

static PyObject *rotations_of_codes(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer codes;
    int n_regions, n_maps;
    if (!PyArg_ParseTuple(args, "y*ii", &codes, &n_regions, &n_maps))
        return NULL;
    PyObject *rotations = NULL;
    if (n_regions < 1 || n_regions > 256 || n_maps < 1 || n_maps > 65535) {
        PyErr_SetString(PyExc_TypeError, "n_regions, n_maps: expected others");
    } else {
        const size_t k = (size_t)n_maps, n = (size_t)n_regions;
        if (has_bytes(&codes, n * (k * (k - 1) / 2) * sizeof(int64_t), "codes"))
            rotations =
                PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n * k * (size_t)tod_lanes_of(n_maps) * sizeof(float)));
    }
    TodStatus status = TOD_OK;
    if (rotations) {
        TodArena scratch;
        tod_arena_open(&scratch, tod_default_allocator(), 1 << 12);
        status = tod_rotations_of_codes(codes.buf, n_regions, n_maps, &scratch,
                                        (float *)(void *)PyBytes_AsString(rotations));
        tod_arena_close(&scratch);
    }
    PyBuffer_Release(&codes);
    if (status != TOD_OK) {
        Py_DECREF(rotations);
        return raise_status(status);
    }
    return rotations;
}

static PyObject *unpack_integers(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data;
    Py_ssize_t n_planes, n_rows, n_columns;
    if (!PyArg_ParseTuple(args, "y*nnn", &data, &n_planes, &n_rows, &n_columns))
        return NULL;
    PyObject *out = NULL;
    const Py_ssize_t most = (Py_ssize_t)1 << 20;
    if (n_planes < 0 || n_rows < 0 || n_columns < 0 || n_planes > most || n_rows > most || n_columns > most ||
        (double)n_planes * (double)n_rows * (double)n_columns > (double)most) {
        PyErr_SetString(PyExc_TypeError, "expected at most 2^20 integers");
    } else {
        int64_t *rests = PyMem_Calloc(2 * (size_t)n_columns + 4, sizeof *rests);
        if (rests)
            out = PyBytes_FromStringAndSize(NULL, n_planes * n_rows * n_columns * (Py_ssize_t)sizeof(int64_t));
        else
            PyErr_NoMemory();
        if (out)
            tod_unpack_integers(data.buf, (size_t)data.len, (size_t)n_planes, (size_t)n_rows, (size_t)n_columns, rests,
                                (int64_t *)(void *)PyBytes_AsString(out));
        PyMem_Free(rests);
    }
    PyBuffer_Release(&data);
    return out;
}

static PyObject *unpack_model(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data;
    int n_maps, n_bands;
    if (!PyArg_ParseTuple(args, "y*ii", &data, &n_maps, &n_bands))
        return NULL;
    PyObject *out = NULL;
    if (n_maps < 1 || n_maps > 65535 || n_bands < 0 || n_bands > 3 * TOD_MAX_LEVELS) {
        PyErr_SetString(PyExc_TypeError, "n_maps, n_bands: expected others");
    } else {
        TodArena scratch;
        tod_arena_open(&scratch, tod_default_allocator(), 1 << 12);
        size_t n_bytes = 0;
        uint8_t *plain = tod_arena_take(&scratch, tod_model_bytes(n_maps, n_bands), 1);
        const TodStatus status =
            plain ? tod_unpack_model(data.buf, (size_t)data.len, n_maps, n_bands, &scratch, plain, &n_bytes)
                  : TOD_NO_MEMORY;
        out = status == TOD_OK ? PyBytes_FromStringAndSize((const char *)plain, (Py_ssize_t)n_bytes)
                               : raise_status(status);
        tod_arena_close(&scratch);
    }
    PyBuffer_Release(&data);
    return out;
}

static PyObject *unpack_texels(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data;
    int height, width;
    if (!PyArg_ParseTuple(args, "y*ii", &data, &height, &width))
        return NULL;
    PyObject *out = NULL;
    if (height < 1 || width < 1 || (double)height * (double)width > (double)(1 << 20)) {
        PyErr_SetString(PyExc_TypeError, "height, width: expected at most 2^20 texels");
    } else {
        TodArena scratch;
        tod_arena_open(&scratch, tod_default_allocator(), 1 << 12);
        out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)height * width);
        const TodStatus status = out ? tod_unpack_texels(data.buf, (size_t)data.len, height, width, &scratch,
                                                         (uint8_t *)(void *)PyBytes_AsString(out))
                                     : TOD_NO_MEMORY;
        tod_arena_close(&scratch);
        if (status != TOD_OK) {
            Py_XDECREF(out);
            out = raise_status(status);
        }
    }
    PyBuffer_Release(&data);
    return out;
}

static PyObject *exponentials(PyObject *module, PyObject *arg)
{
    (void)module;
    Py_buffer values;
    if (PyObject_GetBuffer(arg, &values, PyBUF_CONTIG | PyBUF_FORMAT) != 0)
        return NULL;
    const int is_float = values.itemsize == sizeof(float) && values.format && strcmp(values.format, "f") == 0;
    if (is_float) {
        float *each = values.buf;
        for (Py_ssize_t i = 0; i < values.len / (Py_ssize_t)sizeof *each; i++)
            each[i] = expf(each[i]);
    }
    PyBuffer_Release(&values);
    if (!is_float)
        return PyErr_Format(PyExc_TypeError, "values: expected float32");
    Py_RETURN_NONE;
}

static PyObject *read_plain_mask(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data, valid;
    long long at;
    int height, width;
    if (!PyArg_ParseTuple(args, "y*L(ii)w*", &data, &at, &height, &width, &valid))
        return NULL;
    TodStatus status = TOD_BAD_ARGUMENT;
    TodRawBits bits = {data.buf, (uint64_t)at, 8 * (uint64_t)data.len};
    const int fits = height >= 1 && width >= 1 && height <= UINT16_MAX && width <= UINT16_MAX && at >= 0 &&
                     bits.position <= bits.n_bits && has_bytes(&valid, (size_t)height * (size_t)width, "valid");
    if (fits) {
        TodArena scratch;
        tod_arena_open(&scratch, tod_scratch_allocator(), 1 << 16);
        Py_BEGIN_ALLOW_THREADS status = tod_read_plain_mask(&bits, height, width, &scratch, valid.buf);
        Py_END_ALLOW_THREADS tod_arena_close(&scratch);
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&valid);
    if (PyErr_Occurred())
        return NULL;
    return status == TOD_OK ? PyLong_FromUnsignedLongLong(bits.position) : raise_status(status);
}

static PyMethodDef MODULE_METHODS[] = {
    {"exponentials", exponentials, METH_O,
     "exponentials(values): float32 values, in place, become their exponentials, as frames of tiles have them."},
    {"read_plain_mask", read_plain_mask, METH_VARARGS,
     "read_plain_mask(data, bits_at, (height, width), valid): a mask in plain bits, a byte each into a buffer; the bit "
     "behind it."},
    {"unpack_texels", unpack_texels, METH_VARARGS,
     "unpack_texels(data, height, width): texels, a byte each. FORMAT.md \"Packed mask\"."},
    {"unpack_integers", unpack_integers, METH_VARARGS,
     "unpack_integers(data, n_planes, n_rows, n_columns): int64 as bytes. FORMAT.md \"Integer arrays\"."},
    {"unpack_model", unpack_model, METH_VARARGS,
     "unpack_model(data, n_maps, n_bands): the plain model section, for Tile. FORMAT.md \"Packed model\"."},
    {"rotations_of_codes", rotations_of_codes, METH_VARARGS,
     "rotations_of_codes(codes, n_regions, n_maps): regional rotations for Tile, from (n_regions, K (K - 1) / 2) "
     "int64."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    "_native",
    "Kernels of decoding `daybasis`, in C.",
    -1,
    MODULE_METHODS,
    NULL,
    NULL,
    NULL,
    NULL,
};

static int add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    return type && PyModule_AddObject(module, name, type) == 0;
}

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = PyModule_Create(&MODULE);
    if (!module)
        return NULL;
    if (!add_type(module, "Basis", &BASIS_SPEC) || !add_type(module, "Tile", &TILE_SPEC) ||
        PyModule_AddStringConstant(module, "kernels", tod_kernels()->name) != 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
