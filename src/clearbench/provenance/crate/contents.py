"""What is in a crate, by name."""

METADATA = "ro-crate-metadata.json"
"""The list of a crate's files, with their checksums."""

SIGNATURE = f"{METADATA}.sig"
"""The signature of that list, and so of all that it lists."""

COPIED = ("score", "tabulate", "report")
"""The stages whose files are small, and are what a reader wants to see."""
