#include "_descent.h"

#include <string.h>

#include "descent.h"

typedef struct Descent {
    PyObject_HEAD TodDescent *descent;
    int32_t n_maps;
} Descent;

static void descent_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    if (((Descent *)object)->descent)
        tod_descent_free(((Descent *)object)->descent);
    release(object);
    Py_DECREF(type);
}

static int are_regions(const Py_buffer *blocks, int32_t n_regions)
{
    for (Py_ssize_t i = 0; i < blocks->len; i++)
        if (((const uint8_t *)blocks->buf)[i] >= n_regions) {
            PyErr_SetString(PyExc_TypeError, "blocks: expected numbers below n_regions");
            return 0;
        }
    return 1;
}

static PyObject *descent_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"valid", "shape", "n_maps", "n_levels", "blocks", "rotations", "n_regions", NULL};
    Py_buffer valid, blocks, rotations;
    TodDescentSpec spec;
    memset(&spec, 0, sizeof spec);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*(ii)iiy*y*i", names, &valid, &spec.height, &spec.width,
                                     &spec.n_maps, &spec.n_levels, &blocks, &rotations, &spec.n_regions))
        return NULL;
    Descent *self = NULL;
    if (spec.height < 1 || spec.width < 1 || spec.n_maps < 1 || spec.n_maps > 65535 || spec.n_regions < 1) {
        PyErr_SetString(PyExc_TypeError, "shape, n_maps or n_regions: expected others");
    } else {
        const size_t rows = ((size_t)spec.height + TOD_BLOCK - 1) / TOD_BLOCK;
        const size_t columns = ((size_t)spec.width + TOD_BLOCK - 1) / TOD_BLOCK, k = (size_t)spec.n_maps;
        if (tod_has_bytes(&valid, (size_t)spec.height * (size_t)spec.width, "valid") &&
            tod_has_bytes(&blocks, rows * columns, "blocks") &&
            tod_has_bytes(&rotations, (size_t)spec.n_regions * k * k * sizeof(double), "rotations") &&
            are_regions(&blocks, spec.n_regions)) {
            allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
            self = (Descent *)allocate(type, 0);
        }
    }
    if (self) {
        spec.valid = valid.buf;
        spec.blocks = blocks.buf;
        spec.rotations = rotations.buf;
        self->n_maps = spec.n_maps;
        TodStatus status;
        Py_BEGIN_ALLOW_THREADS status = tod_descent_open(&spec, &self->descent);
        Py_END_ALLOW_THREADS if (status != TOD_OK)
        {
            Py_DECREF(self);
            self = NULL;
            tod_raise_status(status);
        }
    }
    PyBuffer_Release(&valid);
    PyBuffer_Release(&blocks);
    PyBuffer_Release(&rotations);
    return (PyObject *)self;
}

/* None, or the exception of a status. */
static PyObject *done(TodStatus status)
{
    if (status != TOD_OK)
        return tod_raise_status(status);
    Py_RETURN_NONE;
}

static PyObject *descent_band(PyObject *self, PyObject *args)
{
    int depth, orientation, is_set;
    Py_buffer codes;
    if (!PyArg_ParseTuple(args, "iipw*", &depth, &orientation, &is_set, &codes))
        return NULL;
    TodStatus status = TOD_BAD_ARGUMENT;
    if (depth >= -1 && depth < TOD_MAX_LEVELS && orientation >= 0 && orientation < 3)
        status = tod_descent_band(((Descent *)self)->descent, depth, orientation, is_set, codes.buf,
                                  (size_t)codes.len / sizeof(int32_t));
    PyBuffer_Release(&codes);
    return done(status);
}

static PyObject *descent_count(PyObject *self, PyObject *args)
{
    Py_buffer counts;
    if (!PyArg_ParseTuple(args, "w*", &counts))
        return NULL;
    const int fits = tod_has_bytes(&counts, TOD_N_FINE_CLASSES * TOD_N_COSTS * sizeof(int64_t), "counts");
    TodStatus status = TOD_OK;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS status = tod_descent_count(((Descent *)self)->descent, counts.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&counts);
    return fits ? done(status) : NULL;
}

static size_t map_bytes(const PyObject *self)
{
    const Descent *descent = (const Descent *)self;
    return (size_t)tod_descent_texels(descent->descent) * (size_t)descent->n_maps * sizeof(float);
}

static PyObject *descent_maps(PyObject *self, PyObject *args)
{
    float centroids[2];
    TodSmoothing smoothing;
    Py_buffer maps;
    if (!PyArg_ParseTuple(args, "(ff)(pfff)w*", &centroids[0], &centroids[1], &smoothing.is_on, &smoothing.bound,
                          &smoothing.along_x, &smoothing.along_y, &maps))
        return NULL;
    const int fits = tod_has_bytes(&maps, map_bytes(self), "maps");
    TodStatus status = TOD_OK;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS status =
            tod_descent_maps(((Descent *)self)->descent, centroids, &smoothing, maps.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&maps);
    return fits ? done(status) : NULL;
}

static PyObject *descent_analyze(PyObject *self, PyObject *args)
{
    Py_buffer maps;
    if (!PyArg_ParseTuple(args, "y*", &maps))
        return NULL;
    const int fits = tod_has_bytes(&maps, map_bytes(self), "maps");
    TodStatus status = TOD_OK;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS status = tod_descent_analyze(((Descent *)self)->descent, maps.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&maps);
    return fits ? done(status) : NULL;
}

static PyObject *descent_round(PyObject *object, PyObject *args)
{
    Descent *self = (Descent *)object;
    TodRounding rounding;
    Py_buffer inverses, bits;
    memset(&rounding, 0, sizeof rounding);
    if (!PyArg_ParseTuple(args, "y*y*f(ff)", &inverses, &bits, &rounding.rd_weight, &rounding.centroids[0],
                          &rounding.centroids[1]))
        return NULL;
    const size_t k = (size_t)self->n_maps;
    const int fits =
        tod_has_bytes(&inverses, tod_descent_regions(self->descent) * k * k * sizeof(double), "inverses") &&
        (bits.len == 0 || tod_has_bytes(&bits, TOD_N_FINE_CLASSES * TOD_N_COSTS * sizeof(float), "bits"));
    TodStatus status = TOD_OK;
    if (fits) {
        rounding.inverses = inverses.buf;
        rounding.bits = bits.len ? bits.buf : NULL;
        Py_BEGIN_ALLOW_THREADS status = tod_descent_round(self->descent, &rounding);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&inverses);
    PyBuffer_Release(&bits);
    if (!fits)
        return NULL;
    if (status != TOD_OK)
        return tod_raise_status(status);
    return Py_BuildValue("((dd)(dd))", rounding.excess[0], rounding.excess[1], rounding.weights[0],
                         rounding.weights[1]);
}

static PyObject *descent_slopes(PyObject *self, PyObject *args)
{
    Py_buffer slopes, metric;
    if (!PyArg_ParseTuple(args, "y*y*", &slopes, &metric))
        return NULL;
    const size_t k = (size_t)((Descent *)self)->n_maps;
    const int fits = tod_has_bytes(&slopes, map_bytes(self), "slopes") &&
                     tod_has_bytes(&metric, k * k * sizeof(double), "metric");
    TodStatus status = TOD_OK;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS status = tod_descent_slopes(((Descent *)self)->descent, slopes.buf, metric.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&slopes);
    PyBuffer_Release(&metric);
    return fits ? done(status) : NULL;
}

static PyObject *descent_sweep(PyObject *self, PyObject *args)
{
    float centroids[2];
    TodSweep sweep;
    Py_buffer bits;
    memset(&sweep, 0, sizeof sweep);
    if (!PyArg_ParseTuple(args, "(ff)y*fff", &centroids[0], &centroids[1], &bits, &sweep.rd_weight,
                          &sweep.context_gain, &sweep.energy_floor))
        return NULL;
    const int fits = tod_has_bytes(&bits, TOD_N_FINE_CLASSES * TOD_N_COSTS * sizeof(float), "bits");
    TodStatus status = TOD_OK;
    if (fits) {
        sweep.bits = bits.buf;
        Py_BEGIN_ALLOW_THREADS status = tod_descent_sweep(((Descent *)self)->descent, centroids, &sweep);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&bits);
    if (!fits)
        return NULL;
    if (status != TOD_OK)
        return tod_raise_status(status);
    return Py_BuildValue("((dd)(dd)L)", sweep.excess[0], sweep.excess[1], sweep.weights[0], sweep.weights[1],
                         (long long)sweep.n_changed);
}

static PyMethodDef METHODS[] = {
    {"band", descent_band, METH_VARARGS,
     "band(depth, orientation, is_set, codes): codes (K, h, w) int32 of a band to or from the descent; depth 0 is the "
     "finest, -1 the low band."},
    {"count", descent_count, METH_VARARGS, "count(counts): (100, 16) int64 magnitudes by class."},
    {"maps", descent_maps, METH_VARARGS,
     "maps(centroids, (is_on, bound, along_x, along_y), maps): (N, K) float32 at the valid texels, in units of q_step."},
    {"analyze", descent_analyze, METH_VARARGS,
     "analyze(maps): take (N, K) float32 maps of the valid texels, in units of q_step, apart into coefficients."},
    {"round", descent_round, METH_VARARGS,
     "round(inverses, bits, rd_weight, centroids): choose all codes, each by itself; inverses (n_regions, K, K) float64 "
     "of the rotations, bits (100, 16) float32 or empty for a dead zone alone. Returns excess and weights as sweep."},
    {"slopes", descent_slopes, METH_VARARGS,
     "slopes(slopes, metric): half the gradient of the distortion in the maps (N, K) float32, and (K, K) float64."},
    {"sweep", descent_sweep, METH_VARARGS,
     "sweep(centroids, bits, rd_weight, context_gain, energy_floor): visit every code once, after count and slopes; "
     "bits (100, 16) float32. Returns excess and weights of magnitudes of 1 and above, and how many codes changed."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot SLOTS[] = {
    {Py_tp_new, descent_new},
    {Py_tp_dealloc, descent_dealloc},
    {Py_tp_methods, METHODS},
    {Py_tp_doc, "The codes of one tile, and what the descent knows of them."},
    {0, NULL},
};
static PyType_Spec SPEC = {"todpack.packer._native.Descent", sizeof(Descent), 0, Py_TPFLAGS_DEFAULT, SLOTS};

int tod_add_descent(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&SPEC);
    return type && PyModule_AddObject(module, "Descent", type) == 0;
}
