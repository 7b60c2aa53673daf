"""Mistakes and troubles as Snakemake tells them."""

from snakemake.exceptions import WorkflowError

from clearbench.errors import UserError, of_the_site, remedy


def told(error: UserError | OSError) -> WorkflowError:
    """A mistake or a trouble of the site as Snakemake tells it; a fault of the code is raised."""
    if isinstance(error, UserError):
        return WorkflowError(str(error))
    if not of_the_site(error):
        raise error
    return WorkflowError(f"{error.filename or 'results'}: {error.strerror}{remedy(error)}")
