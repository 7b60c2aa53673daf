"""Whether a cluster has what a suite needs, found out before its first run.

`login` looks where the user types, then asks the engine of the profile: `slurm`, `lsf` or
`kubernetes`, a file each. SLURM is also sent a small job that runs `node`, which looks from a node
and starts `inside` in the image.
"""
