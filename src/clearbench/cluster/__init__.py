"""SLURM, and whether a cluster has what a suite needs."""
