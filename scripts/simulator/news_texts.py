"""How different outlets tell the same event: {A} is an artist, {B} another name, {C} a city, {N} a number."""

from __future__ import annotations

from .names import words

EVENTS = {
    "en": (
        ("tour", "music", (
            "{A} announces {N} extra shows in {C} after first dates sell out",
            "{A} adds {N} dates in {C} as tour grows",
            "Second run for {A} in {C}: {N} more concerts confirmed", "{C} gets {N} more nights with {A}",
            "Fans queue for hours as {A} adds {N} {C} concerts", "{A} extends tour with {N} shows at {C} arena")),
        ("album", "music", (
            "{A} returns with surprise album {B}", "Surprise release: {A} drops new record {B} overnight",
            "{B}, the new album by {A}, is out without warning", "{A} releases {B}, first album in {N} years",
            "Review: {A} finds a new voice on {B}", "Why {A} kept {B} secret for {N} months")),
        ("court", "business", (
            "Court in {C} sides with {A} in royalty dispute over {B}",
            "{A} wins {N} million in royalties case about {B}",
            "Judge rules for {A}: {B} royalties must be paid", "{A} and label settle {C} lawsuit over {B}",
            "Label to pay {A} {N} million after {C} ruling")),
        ("award", "culture", (
            "{A} takes {N} prizes at {C} music awards", "{C} awards: {A} is the big winner of the night",
            "{A} beats {B} to album of the year in {C}", "{N} trophies for {A} at the {C} awards ceremony",
            "Awards night in {C} belongs to {A}")),
        ("sale", "business", (
            "{A} sells song catalogue for {N} million", "Investors pay {N} million for the songs of {A}",
            "{B} Music Group buys rights to {A} songs in {N} million deal",
            "{A} cashes in: catalogue goes for {N} million")),
        ("cancel", "live", (
            "{A} cancels {C} concert hours before doors open", "{C} show by {A} called off because of illness",
            "Disappointment in {C} as {A} pulls out of festival",
            "{A} apologises to fans in {C} after cancelled gig",
            "Refunds promised after {A} scraps {C} date")),
        ("feud", "culture", (
            "{A} accuses {B} of copying chorus", "{B} denies stealing melody from {A}",
            "Plagiarism row between {A} and {B} heads to {C}", "{A} against {B}: who wrote the chorus first?")),
        ("tech", "technology", (
            "{A} bans computer-made imitations of her voice", "Cloned voice of {A} removed from platforms",
            "Fake {A} song reached {N} million streams before takedown",
            "{A} takes action over artificial duet with {B}")),
    ),
    "de": (
        ("tour", "music", (
            "{A} kündigt {N} Zusatzkonzerte in {C} an", "Zusatzkonzerte: {A} spielt {N} weitere Abende in {C}",
            "{C}: {N} neue Termine für {A} nach Ausverkauf", "Ansturm auf Karten: {A} verlängert Tour in {C}")),
        ("album", "music", (
            "{A} überrascht mit neuem Album {B}", "Neues Album {B} von {A} über Nacht erschienen",
            "{B}: {A} meldet sich nach {N} Jahren zurück", "Kritik: {A} und das neue Album {B}")),
        ("cancel", "live", (
            "{A} sagt Konzert in {C} kurzfristig ab", "Konzert von {A} in {C} fällt wegen Krankheit aus",
            "{C}: Fans von {A} enttäuscht über Absage", "Nach Absage in {C}: {A} bittet Fans um Entschuldigung")),
    ),
    "fr": (
        ("tour", "music", (
            "{A} annonce {N} concerts supplémentaires à {C}", "{N} dates de plus à {C} pour la tournée de {A}",
            "Tournée : {A} jouera {N} soirs de plus à {C}", "À {C}, {A} ajoute {N} concerts")),
        ("award", "culture", (
            "{A} remporte {N} prix à {C}", "Cérémonie de {C} : {A} grand vainqueur de la soirée",
            "{N} trophées pour {A} à {C}", "{A} devance {B} à la cérémonie de {C}")),
    ),
}  # fmt: skip
LEADS = {
    "en": ("The news from {C} was confirmed by the management of {A} on {D}.",
           "{A} told reporters in {C} that {B} had been on the cards for months.",
           "Fans of {A} reacted within minutes; {B} was the most searched name in {C}.",
           "A spokesperson for {A} gave no further details about {B}."),
    "de": ("Das Management von {A} bestätigte die Nachricht aus {C} am {D}.",
           "{A} sagte in {C}, {B} sei seit Monaten geplant gewesen."),
    "fr": ("L'entourage de {A} a confirmé la nouvelle de {C} le {D}.",
           "{A} a déclaré à {C} que {B} était prévu depuis des mois."),
}  # fmt: skip
OUTLETS = {
    "en": ("GB", "US", "US", "CA", "AU", "IE"),
    "de": ("DE", "CH"),
    "fr": ("FR", "CH"),
}
OUTLET_NAMES = words("""
daily post herald tribune sound beat note stage chronicle wire review echo mirror observer gazette signal record
tempo chorus encore
""")
