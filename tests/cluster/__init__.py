"""The suite on a real SLURM with a real Apptainer, both brought up on this machine."""
