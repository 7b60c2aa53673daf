"""The words that names, titles and facts are made of: single, common, and equally often used."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# First names are made up: each belongs to one person, so that a tiny model can tell persons apart
# by one word, while last names are shared as in families.
_STEMS = [
    start + middle
    for start in _words("Ba Ce Da Fe Ga Ho Ja Ka Le Ma Ni Po Ri Sa Te Vi")
    for middle in _words("lo mi ra vi ze do ni")
]
MALE_NAMES = tuple(stem + end for stem in _STEMS for end in _words("n r"))
FEMALE_NAMES = tuple(stem + end for stem in _STEMS for end in _words("na ra"))
FIRST_NAMES = {"male": MALE_NAMES, "female": FEMALE_NAMES}
LAST_NAMES = _words(
    "Abbott Becker Castro Dalton Eriksen Fischer Garcia Hansen Ibarra Jensen"
    " Keller Larsen Mendez Novak Okafor Pereira Quinn Rossi Santos Tanaka"
    " Ulrich Vargas Walsh Yilmaz Zeller Amari Bauer Costa Duarte Esposito"
    " Farouk Gruber Haddad Ivanov Kowal Lopez Moreau Nguyen Osman Silva"
)
REAL_LAST_NAMES = _words(
    "Archer Bishop Carver Draper Fuller Glover Hooper Kepler Lister Mercer Napier Palmer"
    " Ramsey Sadler Turner Usher Vernon Weaver Yates Zander Hubble Newton Darwin Pascal"
)

TITLE_ADJECTIVES = _words(
    "Silent Golden Broken Hidden Frozen Distant Crimson Hollow Gentle Burning Wandering Bitter"
    " Ancient Restless Shining Lonely Velvet Savage Sleeping Pale Stolen Final Secret Wild Endless"
)
TITLE_NOUNS = _words(
    "Harbour Garden River Mirror Tower Forest Island Letter Winter Bridge Desert Lantern Orchard"
    " Mountain Castle Shadow Window Voyage Kingdom Meadow Storm Crown Valley Ocean Road"
)

BIRTHPLACES = _words(
    "Lisbon Cairo Oslo Lima Tokyo Delhi Paris Rome Madrid Vienna"
    " Prague Dublin Athens Berlin Havana Nairobi Seoul Boston Toronto Sydney"
)
PROFESSIONS = _words(
    "baker banker barber butcher carpenter chemist dentist doctor farmer fisher"
    " gardener judge lawyer miner nurse painter pilot plumber sailor tailor"
)
GENRES = _words("mystery romance fantasy horror history poetry comedy adventure satire travel")

# By the field of a person that takes its values from the pool.
FACTS = {"birthplace": BIRTHPLACES, "father": PROFESSIONS, "genre": GENRES}
