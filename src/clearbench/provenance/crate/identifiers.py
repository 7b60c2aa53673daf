"""Names that a crate gives to the world, checked: a person's ORCID, a licence."""

import re
from urllib.parse import urlsplit

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from clearbench.errors import UserError

_ORCID = re.compile(r"https://orcid\.org/((?:\d{4}-){3}\d{3}[\dX])")
_SPDX = "spdx.org"


def check_orcid(url: str) -> None:
    """Raises UserError for what is no ORCID: its last digit checks the others (ISO 7064, 11-2)."""
    match = _ORCID.fullmatch(url)
    if match is None:
        raise UserError(f"--orcid {url}: allowed: https://orcid.org/0000-0000-0000-0000")
    *digits, last = list(match[1].replace("-", ""))
    total = 0
    for digit in digits:
        total = 2 * (total + int(digit))
    check = (12 - total % 11) % 11
    if last != ("X" if check == 10 else str(check)):
        raise UserError(f"--orcid {url}: there is no such ORCID: its last digit does not fit")


def check_licence(url: str) -> None:
    """Raises UserError for what is no web address, or names a licence that SPDX does not have."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        raise UserError(
            f"--licence {url}: allowed: a web address, as https://spdx.org/licenses/MIT"
        )
    if parts.hostname == _SPDX:
        name = parts.path.rpartition("/")[2].removesuffix(".html")
        try:
            known = canonicalize_license_expression(name) == name
        except InvalidLicenseExpression:
            known = False
        if not known:
            raise UserError(f"--licence {url}: SPDX has no licence {name}")
