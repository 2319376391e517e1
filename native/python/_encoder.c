/* The Python module todpack.packer._native: the encoder's kernels.

   Arrays come and go through the buffer protocol, of the sizes that the docstrings say. */
#include "_descent.h"
#include "encode_kernels.h"
#include "sparse_rotation.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define MAPPED ((int)1 << 21)

PyObject *tod_raise_status(TodStatus status)
{
    if (status == TOD_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, tod_status_text(status));
    return NULL;
}

int tod_has_bytes(const Py_buffer *buffer, size_t n, const char *name)
{
    if ((size_t)buffer->len == n)
        return 1;
    PyErr_Format(PyExc_TypeError, "%s: expected %zu bytes, found %zd", name, n, buffer->len);
    return 0;
}

static PyObject *sparse_rotation(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer groups, rotation;
    Py_ssize_t n, k, n_samples;
    TodRotationSearch search;
    if (!PyArg_ParseTuple(args, "y*nnniifw*", &groups, &n, &k, &n_samples, &search.n_rounds, &search.n_iterations,
                          &search.significant, &rotation))
        return NULL;
    search.n_samples = (size_t)(n_samples > 0 ? n_samples : 1);
    const TodNeighborhoods neighborhoods = {groups.buf, (size_t)n, (size_t)k};
    const int fits = tod_has_bytes(&groups, TOD_GROUP * (size_t)n * (size_t)k * sizeof(float), "groups") &&
                     tod_has_bytes(&rotation, (size_t)k * (size_t)k * sizeof(double), "rotation");
    TodStatus status = TOD_OK;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS status = tod_sparse_rotation(&neighborhoods, &search, rotation.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&groups);
    PyBuffer_Release(&rotation);
    if (!fits)
        return NULL;
    if (status != TOD_OK)
        return tod_raise_status(status);
    Py_RETURN_NONE;
}

static PyObject *neighborhood_rates(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer groups, rotation, rates;
    Py_ssize_t n, k;
    if (!PyArg_ParseTuple(args, "y*nny*w*", &groups, &n, &k, &rotation, &rates))
        return NULL;
    const TodNeighborhoods neighborhoods = {groups.buf, (size_t)n, (size_t)k};
    const int fits = tod_has_bytes(&groups, TOD_GROUP * (size_t)n * (size_t)k * sizeof(float), "groups") &&
                     tod_has_bytes(&rotation, (size_t)k * (size_t)k * sizeof(double), "rotation") &&
                     tod_has_bytes(&rates, (size_t)n * sizeof(float), "rates");
    TodStatus status = TOD_OK;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS status = tod_rotated_rates(&neighborhoods, rotation.buf, rates.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&groups);
    PyBuffer_Release(&rotation);
    PyBuffer_Release(&rates);
    if (!fits)
        return NULL;
    if (status != TOD_OK)
        return tod_raise_status(status);
    Py_RETURN_NONE;
}

static PyMethodDef METHODS[] = {
    {"sparse_rotation", sparse_rotation, METH_VARARGS,
     "sparse_rotation(groups, n, k, n_samples, n_rounds, n_iterations, significant, rotation): (4, n, k) float32 -> "
     "rotation (k, k) float64."},
    {"neighborhood_rates", neighborhood_rates, METH_VARARGS,
     "neighborhood_rates(groups, n, k, rotation, rates): rates (n,) float32 in nats after a rotation (k, k) float64."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_native", "Kernels of encoding `daybasis`, in C.", -1, METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
#ifdef __GLIBC__
    /* arrays of megabytes go back to the system when they are freed, which else keeps up to 64 MiB of them */
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED);
#endif
    PyObject *module = PyModule_Create(&MODULE);
    if (module && !tod_add_descent(module)) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
