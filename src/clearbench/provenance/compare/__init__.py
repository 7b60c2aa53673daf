"""Two runs beside each other: what they were made of, and which numbers differ beyond the noise.

`side` opens a suite, a results tree or a crate; `settings` and `numbers` compare two of them, and
`picture` draws what `numbers` finds.
"""
