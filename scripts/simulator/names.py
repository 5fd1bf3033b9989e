"""Names of artists, releases, tracks and people: invented, in several scripts, some alike on purpose."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .keyed import pick


def words(text: str) -> list[str]:
    """The words of a text; a hyphen stands for a space inside one."""
    return text.split()


FIRST = words("""
Anna Ben Carla David Élodie Fatima Goran Hana Ivan Jürgen Katarzyna Léa Marek Nadia Oscar Priya Quentin Rosa
Søren Tomáš Uma Víctor Wanda Xenia Yusuf Zoë Aiko Björn Chloé Diego Emre Freya Giulia Hiro Ines Joaquín Kwame
Lucía Mateo Noor Olivia Paweł Ravi Sofia Thiago Ulrike Valentina Wim Yara Zainab
""")
LAST = words("""
Müller Smith García Dubois Kowalski Johansson Silva Tanaka Sharma O'Brien Rossi Novák Jensen van-Dijk Schneider
Jones Martínez Lefèvre Nowak Andersson Souza Suzuki Patel Murphy Bianchi Dvořák Nielsen Bakker Fischer Taylor
López Moreau Wiśniewski Lindberg Oliveira Satō Singh Kelly Ferrari Larsen
""")
ADJECTIVES = words("""
Silent Golden Electric Hollow Crimson Velvet Broken Distant Northern Paper Midnight Neon Wild Frozen Burning
Little Great Lonely Blue Black White Lost Secret Holy Modern Ancient Plastic Iron Gentle Strange Quiet Loud
Bitter Sweet Restless Endless Shallow Deep Naked Sleeping
""")
NOUNS = words("""
Rivers Foxes Mountain Machine Garden Ghosts Harbour Engine Orchestra Wolves Summer Letters Mirror Ocean Parade
Satellite Theatre Tigers Umbrella Valley Winter Youth Zebra Avenue Birds Cathedral Dancers Empire Fires Galaxy
Horses Island Jungle Kings Lights Moon Night Owls Planet Queens Roses Shadows Towers Voices Waves Dreams Echo
Hearts
""")
OTHERS = words("""
東京 夜 桜 海 風 Élan Æther Göteborg São Über Ñandú Żubr Сны Ночь Мир ليل קול μουσική
""")
VERBS = words("""
Running Falling Dancing Waiting Burning Dreaming Leaving Coming Breathing Crying Driving Fading Growing Hiding
Loving Missing Rising Sailing Turning Walking
""")
WHERE = words("""
home tonight away forever again alone in-the-rain to-nowhere with-you without-you underwater on-the-radio
in-August by-the-sea at-dawn
""")
CITIES = words("""
Berlin Hamburg London Leeds Paris Lyon Madrid Sevilla Amsterdam Utrecht Stockholm Malmö Warszawa Kraków Zürich
Genève New-York Chicago Toronto Montréal 東京 大阪 São-Paulo Recife Sydney Perth Mumbai Pune Dublin Cork
""")


def _join(*parts: pa.Array | str, by: str = " ") -> pa.Array:
    return pc.replace_substring(pc.binary_join_element_wise(*parts, by), "-", " ")


def _draw(rng: np.random.Generator, words: list[str], rows: int) -> pa.Array:
    return pick(words, rng.integers(0, len(words), rows))


def _mixture(kind: np.ndarray, *variants: pa.Array) -> pa.Array:
    return pc.choose(pa.array(kind), *variants)


def artists(rng: np.random.Generator, rows: int) -> pa.Array:
    """Names of artists; some share a name, as they do."""
    kind = rng.choice(4, rows, p=[0.35, 0.3, 0.25, 0.1])
    people = _join(_draw(rng, FIRST, rows), _draw(rng, LAST, rows))
    bands = _join("The", _draw(rng, ADJECTIVES, rows), _draw(rng, NOUNS, rows))
    projects = _join(_draw(rng, NOUNS, rows), "of", _draw(rng, NOUNS, rows))
    foreign = _join(_draw(rng, OTHERS, rows), _draw(rng, NOUNS, rows))
    return _mixture(kind, people, bands, projects, foreign)


def titles(rng: np.random.Generator, rows: int) -> pa.Array:
    """Titles of tracks and releases."""
    kind = rng.choice(4, rows, p=[0.4, 0.3, 0.25, 0.05])
    return _mixture(
        kind,
        _join(_draw(rng, VERBS, rows), _draw(rng, WHERE, rows)),
        _join(_draw(rng, ADJECTIVES, rows), _draw(rng, NOUNS, rows)),
        _join(_draw(rng, NOUNS, rows), "and", _draw(rng, NOUNS, rows)),
        _join(_draw(rng, OTHERS, rows), _draw(rng, VERBS, rows)),
    )


def people(rng: np.random.Generator, rows: int) -> tuple[pa.Array, pa.Array]:
    """Names of people, and the part before the @ of their addresses."""
    first, last = rng.integers(0, len(FIRST), rows), rng.integers(0, len(LAST), rows)
    name = _join(pick(FIRST, first), pick(LAST, last))
    plain = pc.utf8_lower(pc.binary_join_element_wise(pick(FIRST, first), pick(LAST, last), "."))
    return name, pc.replace_substring_regex(plain, "[^a-z.]", "")
