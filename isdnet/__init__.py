"""ISDNet (Guo et al., CVPR 2022), in the order of its section 3."""
