/* Charts: the 4-connected components of the valid texels. FORMAT.md "Charts and pyramid". */
#ifndef TOD_CHARTS_H
#define TOD_CHARTS_H

#include "runs.h"

/* Label the charts: `labels` (height, width), 0 where invalid, else positive, equal within a chart only. */
TodStatus tod_label_charts(const TodRuns *runs, TodArena *scratch, int32_t *labels);

#endif
