"""The machine: device, environment, torch's switches, the host's allocator, the GPU's state."""
