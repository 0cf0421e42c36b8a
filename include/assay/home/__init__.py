"""What belongs to one home on one machine: its ports, passwords, processes and programs."""
