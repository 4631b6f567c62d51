"""A trained system as one file that runs without this package: ONNX, or torch's own exported program."""
