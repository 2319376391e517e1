"""onnxruntime with its telemetry off: from 1.28 on the import itself looks up a host and writes into the home folder.

The variable must be set before the import (`disable_telemetry_events` comes too late), so nothing else imports the
package; a test looks for it.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as onnxruntime
