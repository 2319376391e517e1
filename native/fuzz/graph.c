/* The bytes of a graph of 34 maps and 24 hours. */
#include "../archive/standard_graph.h"
#include "account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static TodGraph graph;
    double hours[24];
    TodCurve curve;
    float knee;
    for (int i = 0; i < 24; i++)
        hours[i] = i;
    if (tod_read_graph((TodBytes){data, n}, &graph) && tod_is_standard_graph(&graph, 34, hours, 24, &curve, &knee))
        check(curve >= TOD_CURVE_NONE && curve <= TOD_CURVE_EXP, "a curve");
    return 0;
}
