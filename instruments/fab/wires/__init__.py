"""The three wires a simulated tool speaks: raw socket, HiSLIP 1.0 and the VXI-11 core channel."""
