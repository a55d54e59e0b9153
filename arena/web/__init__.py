"""The pages, and the only place that speaks Gradio.

Gradio and the hub client read these variables once, when they are first imported, so they stand
here: before any module of this package can import either. Nothing is fetched and nothing is
reported from a machine that runs an arena, whatever the defaults of a library become.
"""

import os

for _name, _value in {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "100000000",  # Gradio recounts its events after each one
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}.items():
    os.environ.setdefault(_name, _value)
