/* The type Descent of the module todpack.packer._native. */
#ifndef TOD_PYTHON_DESCENT_H
#define TOD_PYTHON_DESCENT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "status.h"

PyObject *tod_raise_status(TodStatus status);
int tod_has_bytes(const Py_buffer *buffer, size_t n, const char *name);

/* Add the type to the module; 0 and an exception where that fails. */
int tod_add_descent(PyObject *module);

#endif
