/* Whether a graph is the standard `frame`, so that its frames can be computed without a runtime of graphs. FORMAT.md
   "Frame graph". */
#ifndef TOD_STANDARD_GRAPH_H
#define TOD_STANDARD_GRAPH_H

#include "graph.h"
#include "pixels.h"

/* Structure is what counts, not the names of values: every node of the graph must be one of the standard's, and its
   constants those of so many maps and of these stored times. 0: it is another one. Else its curve, and the knee of
   TOD_CURVE_EXP. */
int tod_is_standard_graph(const TodGraph *graph, int32_t n_maps, const double *hours, int32_t n_hours, TodCurve *curve,
                          float *knee);

#endif
