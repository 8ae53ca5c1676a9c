"""Storyworld: short stories from a world whose probabilities are known.

A story is written fragment by fragment. Each *phase* below is a function that
yields the fragments which may come next: their words, their weight, the phase
that follows and what changes in the world. A phase sees only the variables
that it names as arguments. `lmbook.oracle` turns this into exact next-word
probabilities; nothing else about the stories exists anywhere.

A word written `kind=word` needs knowledge of that kind to be predicted: who
is who, where the thing is, how many are left, what was said before.

Leaves out: any text on which two derivations agree. Within a phase no
fragment is a prefix of another, so a story has one derivation only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

GIRLS = (
    "Ada Clara Edith Flora Greta Ida June Lena Mira Nora Olga Rosa Tess Vera"
)
BOYS = "Arlo Ben Carl Emil Felix Hugo Jonas Leo Max Oscar Sam Theo Victor Wim"
GIRLS, BOYS = GIRLS.split(), BOYS.split()
NAMES = GIRLS + BOYS
WEATHERS = "windy sunny rainy foggy frosty quiet warm snowy".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
COLOURS = "red blue green yellow white orange silver purple".split()
THINGS = (
    "kite lantern trumpet map key umbrella telescope teapot compass "
    "mirror clock violin bicycle puppet crown sledge"
).split()
PLACES = "attic barn cellar garden kitchen library orchard tower".split()
RELATIONS = "friend cousin neighbour".split()
DEADLINES = "bedtime teatime sunset midnight noon nightfall".split()
PETS = "dog cat goat parrot hedgehog pony duck rabbit tortoise hen".split()
TITLES = (
    "Captain Doctor Professor General Lady Sir King Queen Baron Uncle Aunt "
    "Admiral Judge Sergeant Princess Duke"
).split()
NICKNAMES = (
    "Button Pickle Whiskers Noodle Pumpkin Turnip Bubbles Crumb Acorn Muffin "
    "Thimble Waffle Pudding Bramble Pebble Dumpling"
).split()
FRUITS = {
    "pears": "pear",
    "apples": "apple",
    "plums": "plum",
    "figs": "fig",
    "lemons": "lemon",
    "peaches": "peach",
    "cherries": "cherry",
}
NUMBERS = "zero one two three four five six seven eight nine".split()
SPELL_WORDS = (
    "fern pearl moon thunder feather copper willow ember frost river cloud "
    "ivory amber shadow thistle raven honey velvet saffron maple"
).split()
OPENERS = "Then Later Soon Next Afterwards".split()
VISITORS = "goose fox snail postman crow wizard baker frog".split()
WONDERS = (
    "all the lamps lit up",
    "a secret door opened",
    "the wind held its breath",
    "somebody giggled behind the wall",
)
MOODS = {  # weights when the promise was kept, and when it was broken
    "proud": (8, 1),
    "happy": (6, 1),
    "calm": (4, 1),
    "lonely": (1, 4),
    "guilty": (0, 8),
    "cross": (1, 3),
}
VARIABLES = {  # the whole state of the world, and the values it can take
    "hero": NAMES,
    "friend": NAMES,
    "actor": NAMES,
    "other": NAMES,
    "holder": NAMES,  # who was last where the thing is
    "thing": THINGS,
    "colour": COLOURS,
    "place": PLACES,
    "deadline": DEADLINES,
    "title": TITLES,
    "nickname": NICKNAMES,
    "fruit": list(FRUITS),
    "count": range(1, 10),
    "first": SPELL_WORDS,
    "second": SPELL_WORDS,
    "third": SPELL_WORDS,
    "num_events": range(5),
    "last": ["", "hero", "friend", "pet", "both", "visitor"],
    "kept": (True, False),
    "mood": list(MOODS),
}
KINDS = (
    "grammar",  # the one word that can go on the sentence as it stands
    "choice",  # one of several; what was told may shift the odds
    "pronoun",  # she or he, her or his
    "reference",  # a person, a thing or a time named before
    "state",  # where the thing is, and who is with it
    "counting",  # how many are left
    "recall",  # the pet's name: the one title, the one nickname of the story
    "induction",  # the magic words, in their order, from one shared pool
)


class Fragment(NamedTuple):
    """One way for the story to go on."""

    text: str
    then: Callable[..., Iterator[Fragment]]
    weight: int
    changes: dict[str, Any]


Phase = Callable[..., Iterator[Fragment]]


def go(text: str, then: Phase, weight: int = 1, **changes: Any) -> Fragment:
    """A fragment; `changes` are the variables that it sets."""
    return Fragment(text, then, weight, changes)


def pronouns(name: str) -> tuple[str, str, str]:
    """Capitalised subject, subject, possessive."""
    return ("She", "she", "her") if name in GIRLS else ("He", "he", "his")


# The beginning: who, what, where, and a promise.


def opening():
    for weather in WEATHERS:
        for day in DAYS:
            yield go(f"One {weather} {day}", hero_name)
            yield go(f"On a {weather} {day} ,", hero_name)
            yield go(f"It was a {weather} {day} when", hero_name)


def hero_name():
    for name in NAMES:
        yield go(name, discovery, hero=name, holder=name)


def discovery():
    for verb in ("found", "discovered", "spotted", "came across"):
        for colour in COLOURS:
            article = "an" if colour == "orange" else "a"
            yield go(f"{verb} {article} {colour}", thing, colour=colour)


def thing():
    for thing in THINGS:
        yield go(f"{thing} in the", first_place, thing=thing)


def first_place():
    for place in PLACES:
        yield go(f"{place} .", promise, place=place)


def promise(hero):
    she, _, her = pronouns(hero)
    for verb in ("promised", "swore", "agreed"):
        for relation in RELATIONS:
            yield go(
                f"pronoun={she} {verb} to give it to pronoun={her} {relation}",
                friend_name,
            )


def friend_name(hero):
    for name in NAMES:
        if name != hero:
            yield go(name, deadline, friend=name)


def deadline():
    for time in DEADLINES:
        yield go(f"by {time} .", pet, deadline=time)


def pet():
    for animal in PETS:
        yield go(f"Their {animal}", pet_title)


def pet_title():
    for title in TITLES:
        yield go(title, pet_nickname, title=title)


def pet_nickname():
    for nickname in NICKNAMES:
        yield go(nickname, basket, nickname=nickname)


def basket():
    for verb in ("guarded", "carried", "sniffed", "admired"):
        for count in range(3, 8):
            yield go(f"{verb} {NUMBERS[count]}", fruit, count=count)


def fruit():
    for fruit in FRUITS:
        yield go(f"{fruit} .", spell, fruit=fruit)


def spell():
    yield go("Their magic words were", first_word)


def first_word():
    for word in SPELL_WORDS:
        yield go(f"{word} ,", second_word, first=word)


def second_word(first):
    for word in SPELL_WORDS:
        if word != first:
            yield go(f"{word} and", third_word, second=word)


def third_word(first, second):
    for word in SPELL_WORDS:
        if word not in (first, second):
            yield go(
                f"{word} .", next_event, third=word, num_events=0, last=""
            )


# The middle: two to four events, each of which uses the world.


def next_event(num_events, deadline):
    if num_events < 4:
        for opener in OPENERS:
            yield go(opener, actor, num_events=num_events + 1)
    if num_events >= 2:
        at = "At" if num_events < 4 else "counting=At"
        yield go(f"{at} reference={deadline}", fetching, 5)


def actor(hero, friend, title, last):
    """Who acts next: anyone but the one who acted last."""
    fragments = {
        "hero": go(f"reference={hero}", person, 4, actor=hero, other=friend),
        "friend": go(
            f"reference={friend}", person, 4, actor=friend, other=hero
        ),
        "pet": go(f"recall={title}", pet_name, 4),
        "both": go("they", together, 5),
        "visitor": go("a", visitor, 3),
    }
    for who, fragment in fragments.items():
        if who != last:
            fragment.changes["last"] = who
            yield fragment


def person(thing, place, count):
    for verb in ("took", "carried", "brought"):
        start = f"{verb} the reference={thing} from the state={place} to the"
        yield go(start, move, 2)
    yield go(
        f"forgot where the reference={thing} was and searched the", search, 3
    )
    if count > 3:
        yield go("ate", eat, 3)


def move(place, actor):
    for new_place in PLACES:
        if new_place != place:
            yield go(new_place, moved, place=new_place, holder=actor)


def moved():
    for tail in (
        ".",
        "and hid it there .",
        "and polished it .",
        ", singing .",
    ):
        yield go(tail, next_event)


def search(place):
    for wrong_place in PLACES:
        if wrong_place != place:
            yield go(f"{wrong_place} .", answer)


def answer(place, other):
    words = f"“ Look in the state={place} , ” said reference={other} ."
    yield go(words, next_event)


def eat(count, fruit):
    for eaten in range(1, min(4, count)):
        left = count - eaten
        yield go(
            f"{NUMBERS[eaten]} of the reference={fruit} , "
            f"which left counting={NUMBERS[left]} .",
            next_event,
            count=left,
        )


def pet_name(nickname):
    yield go(f"recall={nickname}", pet_act)


def pet_act(thing, place):
    where = f"state={place}"
    yield go(f"ran to the {where} and sat beside", companion)
    yield go("followed", companion)
    yield go(f"slept by the reference={thing} in the {where} .", next_event)
    yield go("sneezed and woke everyone in the", elsewhere, 2)


def companion(holder):
    yield go(f"state={holder} .", next_event)


def elsewhere(place):
    """Something happens where the thing is not."""
    for other_place in PLACES:
        if other_place != place:
            yield go(f"{other_place} .", next_event)


def together(thing, place, count):
    where = f"in the state={place}"
    yield go(f"stood {where} and whispered", chant, 5)
    yield go("told riddles in the", elsewhere, 2)
    yield go(f"danced around the reference={thing} {where} .", next_event)
    if count < 7:
        yield go("picked", picking, 3)


def picking(count, fruit):
    for picked in range(1, min(4, 10 - count)):
        kind_of_fruit = FRUITS[fruit] if picked == 1 else fruit
        yield go(
            f"{NUMBERS[picked]} more reference={kind_of_fruit} , "
            f"so now they had counting={NUMBERS[count + picked]} .",
            next_event,
            count=count + picked,
        )


def chant(first, second, third):
    words = f"induction={first} , induction={second} and induction={third} ,"
    yield go(words, wonder)


def wonder():
    for event in WONDERS:
        yield go(f"and {event} .", next_event)


def visitor(place):
    for name in VISITORS:
        for home in PLACES:
            if home != place:
                yield go(f"{name} from the {home}", visit)


def visit(place, thing):
    for verb in ("wandered", "rushed"):
        start = f"{verb} into the state={place} and"
        yield go(f"{start} stared at the reference={thing} .", next_event)
        yield go(f"{start} asked for the reference={thing} .", next_event)


# The end: the promise is kept or broken, and everything comes back once more.


def fetching(hero, colour, thing):
    yield go(
        f"reference={hero} fetched the reference={colour} reference={thing} "
        "from the",
        fetched,
    )


def fetched(place):
    yield go(f"state={place} .", keeping)


def keeping(hero, friend):
    capital, she, _ = pronouns(hero)
    yield go(
        f"pronoun={capital} gave it to reference={friend} , "
        f"as pronoun={she} had promised .",
        sharing,
        3,
        kept=True,
    )
    for reaction in ("cried", "sighed", "turned away"):
        yield go(
            f"pronoun={capital} kept it , and reference={friend} {reaction} .",
            sharing,
            kept=False,
        )


def sharing(count, fruit):
    rest = f"counting={NUMBERS[count]} reference={fruit}"
    if count == 1:
        rest = f"counting={FRUITS[fruit]}"
    yield go(f"They shared the last {rest} .", feeling)


def feeling(hero, kept):
    for mood, (when_kept, when_broken) in MOODS.items():
        weight = when_kept if kept else when_broken
        if weight:
            text = f"That night reference={hero} felt {mood} ."
            yield go(text, last_words, weight, mood=mood)


def last_words(title, nickname):
    yield go(
        f"In its sleep recall={title} recall={nickname} mumbled , “",
        last_chant,
    )


def last_chant(first, second, third):
    words = f"induction={first} , induction={second} and induction={third} . ”"
    yield go(words, the_end)


def the_end():
    yield go("</s>", the_end)
