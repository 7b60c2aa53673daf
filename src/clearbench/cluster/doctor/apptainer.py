"""What is looked at where the user types of the image that jobs run in: Apptainer, and its file."""

from clearbench.cluster.ask import ask
from clearbench.cluster.doctor.finding import Finding, look
from clearbench.config.site import SITE, Site
from clearbench.errors import UserError
from clearbench.jobs.environment import image_digest


def examine(site: Site) -> tuple[Finding, Finding]:
    """Whether there are Apptainer and the image."""

    def version() -> str:
        return ask("apptainer", "--version").strip()

    def image() -> str:
        if not site.image.is_file():
            raise UserError(f"{site.image}: no such image")
        return f"{site.image}, sha256 {image_digest(site.image)[:12]}"

    return (
        look("Apptainer", version, "install Apptainer, or load its module"),
        look("image", image, f"type `make container`, or set image in {SITE}"),
    )
