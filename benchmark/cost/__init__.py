"""What a system costs on one image: latency, memory, FLOPs. Needs no labels."""
