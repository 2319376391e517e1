"""libtodpack through its C interface, beside the Python package."""
