"""ONNX graphs of an archive: read and checked by our own code, then run by onnxruntime."""
