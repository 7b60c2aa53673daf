"""Whether a cluster has what a suite needs, found out before its first run.

`login` asks SLURM and Apptainer where the user types, and sends a small job that runs `node`, which
looks from a node and starts `inside` in the image.
"""
