"""Exercises that answer back: every specification, stub and mistake."""

import doctest
import inspect
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from lmbook.exercises import checking
from lmbook.exercises.checking import (
    EXERCISES,
    NUM_CASES,
    Exercise,
    case,
    check,
    fault,
    same,
    shown,
)

every_exercise = pytest.mark.parametrize("name", sorted(EXERCISES))
every_mistake = pytest.mark.parametrize(
    ("name", "words"),
    [
        (name, words)
        for name in EXERCISES
        for words in EXERCISES[name].mistakes
    ],
    ids=lambda text: text.replace(" ", "-")[:40],
)


def named(name, function):
    """A function as a reader would hand it in, under an exercise's name."""

    def attempt(*arguments):
        return function(*arguments)

    attempt.__name__ = name
    return attempt


@pytest.fixture
def area(monkeypatch):
    """A made-up exercise, of which the tests change what they need."""

    def register(**changes):
        asked = Exercise(
            specification=lambda width, height: width * height,
            make_input=lambda rng: (rng.randrange(2, 9), rng.randrange(2, 9)),
            mistakes={
                "a sum.": lambda width, height: width + height,
                "a square.": lambda width, height: width**2,
            },
        )
        monkeypatch.setitem(EXERCISES, "area", replace(asked, **changes))

    register()
    return register


# Every registered exercise -------------------------------------------------


@every_exercise
def test_the_specification_is_correct(name):
    assert fault(named(name, EXERCISES[name].specification)) is None


@every_exercise
def test_the_specification_says_what_is_asked(name):
    specification = EXERCISES[name].specification
    assert specification.__name__ == name
    assert specification.__doc__
    names = set(inspect.signature(specification).parameters)
    assert specification.__annotations__.keys() == names | {"return"}


@every_exercise
def test_a_stub_is_not_written_yet(name):
    def stub(*arguments):
        raise NotImplementedError

    message = fault(named(name, stub))
    assert message.startswith("Not written yet: put your code where")


@every_exercise
def test_most_cases_differ(name):
    """A constant, or a guess from a few cases, cannot pass."""
    asked = EXERCISES[name]
    results = [
        shown(asked.specification(*case(name, i))) for i in range(NUM_CASES)
    ]
    assert len(set(results)) > NUM_CASES / 2


@pytest.mark.parametrize(
    ("name", "i"),
    [(name, i) for name in EXERCISES for i in range(len(case(name, 0)))],
)
def test_every_argument_matters(name, i):
    """One that is always the same could be left out, or written as 7."""
    specification = EXERCISES[name].specification
    for j in range(NUM_CASES):

        def with_one_value(*arguments, j=j):
            found = list(arguments)
            found[i] = case(name, j)[i]
            return specification(*found)

        assert fault(named(name, with_one_value)) is not None


EDGES = {
    "a slope of 0 from the first step on": (
        "adamw_step",
        lambda p, g, m, s, *_: g == m == s == 0,
    ),
    "tokens of several letters": (
        "merge",
        lambda tokens, pair: max(map(len, tokens)) > 1,
    ),
    "words that never met": ("ppmi_cell", lambda c, i, j: c[i][j] == 0),
    "words that met less often than by chance": (
        "ppmi_cell",
        lambda c, i, j: 0 < c[i][j] * sum(map(sum, c)) < sum(c[i]) * sum(c[j]),
    ),
    "a class without hits": (
        "f1_scores",
        lambda confusion: 0 in [row[i] for i, row in enumerate(confusion)],
    ),
    "an outcome that is impossible": ("entropy_bits", lambda p: 0 in p),
    "nobody is sure": (
        "answer_when_sure",
        lambda probs, labels, threshold: bool((probs < threshold).all()),
    ),
    "sure enough by a hair": (
        "answer_when_sure",
        lambda probs, labels, threshold: threshold in probs.max(1).values,
    ),
    "a context that was never seen": (
        "discounted_probability",
        lambda followers, *_: not followers,
    ),
    "a follower that was never seen": (
        "add_k_probability",
        lambda followers, word, *_: word not in followers,
    ),
}


@pytest.mark.parametrize("edge", EDGES)
def test_the_hard_cases_are_among_them(edge):
    name, is_hard = EDGES[edge]
    assert any(is_hard(*case(name, i)) for i in range(NUM_CASES))


@every_exercise
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda *_: None, ", yours returns nothing."),
        (lambda *_: "seven", ", yours gives 'seven'."),
        (lambda *_: [[1.5], [2.5]], ", yours gives [[1.5], [2.5]]."),
        (lambda *_: {"a cat": 1.5}, ", yours gives {'a cat': 1.5}."),
        (lambda *_: {}["key"], ", but raises KeyError: 'key'"),
        (lambda: 1.5, ", but raises TypeError: "),
    ],
    ids=["nothing", "text", "list", "dict", "error", "no-parameters"],
)
def test_any_other_answer_is_told_and_not_raised(name, answer, said):
    message = fault(named(name, answer))
    assert message.startswith(f"{name}(") and " should be " in message
    assert said in message


@every_mistake
def test_each_mistake_gets_its_own_hint(name, words):
    asked = EXERCISES[name]
    mistake = asked.mistakes[words]
    message = fault(named(name, mistake))
    assert message is not None, "this is no mistake: every case agrees"
    assert message.endswith(f"\nHint: {words}")
    assert " yours gives " in message
    # It can be tried on whatever case another attempt fails in.
    for i in range(NUM_CASES):
        mistake(*case(name, i))


@every_mistake
def test_a_hint_is_a_sentence(name, words):
    assert words.endswith(".") and not words.endswith("..")
    assert "\n" not in words and "  " not in words


# The checker ---------------------------------------------------------------


def test_check_prints_what_is_right_and_what_is_wrong(area, capsys):
    check(named("area", lambda width, height: height * width))
    assert capsys.readouterr().out == (
        f"Correct: {NUM_CASES} random cases agree.\n"
    )
    check(named("area", lambda width, height: width + height))
    width, height = case("area", 0)
    assert capsys.readouterr().out == (
        f"area({width}, {height}) should be {width * height}, "
        f"yours gives {width + height}.\nHint: a sum.\n"
    )


def test_the_same_fault_every_time(area):
    wrong = named("area", lambda width, height: width * height + 0.25)
    assert len({fault(wrong) for _ in range(5)}) == 1


def test_an_unknown_name_is_told_the_known_ones():
    def entropy_in_bits(probs):
        return 0.0

    with pytest.raises(KeyError) as error:
        fault(entropy_in_bits)
    message = error.value.args[0]
    assert message.startswith("no exercise is called 'entropy_in_bits'; there")
    for name in EXERCISES:
        assert name in message


def test_a_late_fault_is_found(area):
    answers = iter([1] * (NUM_CASES - 1) + [2])
    area(make_input=lambda rng: (1, 1), mistakes={})
    late = named("area", lambda *_: next(answers))
    assert fault(late) == "area(1, 1) should be 1, yours gives 2."


def test_where_two_mistakes_agree_the_likelier_is_hinted_at(area):
    """3 + 6 is 3 squared: case 0 alone cannot tell."""
    sides = [(3, 6), *[(k, k + 1) for k in range(2, NUM_CASES + 1)]]
    inputs = {
        random.Random(f"area {i}").random(): s for i, s in enumerate(sides)
    }
    area(make_input=lambda rng: inputs[rng.random()])
    for words in ("a sum.", "a square."):
        mistake = EXERCISES["area"].mistakes[words]
        assert mistake(3, 6) == 9
        assert fault(named("area", mistake)) == (
            f"area(3, 6) should be 18, yours gives 9.\nHint: {words}"
        )


def test_a_hint_does_not_need_every_case(area):
    """A sum is a sum, even if it fails elsewhere."""
    answers = iter(range(1000))

    def attempt(width, height):
        if next(answers):
            raise ZeroDivisionError
        return width + height

    assert fault(named("area", attempt)).endswith("\nHint: a sum.")


def test_no_hint_where_no_mistake_is_alike(area):
    message = fault(named("area", lambda width, height: -1))
    assert message.endswith("yours gives -1.")


def test_a_late_stub_and_an_error_are_told(area):
    def attempt(width, height):
        return width * height if height < width else [][width]

    message = fault(named("area", attempt))
    assert message.startswith("area(")
    assert message.endswith(", but raises IndexError: list index out of range")


def test_an_attempt_may_spoil_its_arguments(area):
    area(
        specification=len,
        make_input=lambda rng: ([1, 2, rng.randrange(9)],),
        mistakes={"one less.": lambda items: len(items) - 1},
    )

    def attempt(items):
        items.pop()
        return len(items)

    (items,) = case("area", 0)
    assert fault(named("area", attempt)) == (
        f"area({items}) should be 3, yours gives 2.\nHint: one less."
    )
    assert fault(named("area", lambda items: items.pop() * 0 + 3)) is None


def test_a_wrong_shape_is_named(area):
    area(
        specification=lambda x: x,
        make_input=lambda rng: (torch.ones(2, 3),),
        mistakes={},
    )
    assert fault(named("area", lambda x: x.T)).endswith(
        " should have shape (2, 3), yours has (3, 2)."
    )
    assert fault(named("area", lambda x: x.numpy()[:1])).endswith(
        " should have shape (2, 3), yours has (1, 3)."
    )
    assert fault(named("area", lambda x: x.tolist())) is None


def test_digits_are_shown_until_a_difference_is_seen(area):
    area(
        specification=lambda x: x,
        make_input=lambda rng: (2 / 3,),
        mistakes={},
    )
    assert fault(named("area", lambda x: round(x, 4))).endswith(
        " should be 0.66666667, yours gives 0.6667."
    )
    assert fault(named("area", lambda x: round(x, 2))).endswith(
        " should be 0.6667, yours gives 0.67."
    )


# Its parts -----------------------------------------------------------------


def test_docstring_examples_run():
    results = doctest.testmod(checking)
    assert results.failed == 0 and results.attempted > 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.3333"),
        (2.0, "2"),
        (123456.0, "1.235e+05"),
        (float("inf"), "inf"),
        (7, "7"),
        (None, "None"),
        (True, "True"),
        ("cat", "'cat'"),
        ([1 / 3, "cat"], "[0.3333, 'cat']"),
        ((0.25, [1 / 3]), "(0.25, [0.3333])"),
        ({"cat": {"sat": 2 / 3}}, "{'cat': {'sat': 0.6667}}"),
        (torch.tensor([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (torch.tensor(0.1), "0.1"),
        (np.array([0.1], dtype=np.float32), "[0.1]"),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
        (named("sat", len), "sat"),
    ],
)
def test_shown_as_a_reader_would_write_it(value, text):
    assert shown(value) == text


THIRD = 1 / 3
EQUAL = {
    "ints and floats": (2, 2.0),
    "six digits": (THIRD, THIRD * (1 + 9e-7)),
    "nearly nothing": (0.0, 9e-10),
    "infinite": (float("inf"), float("inf")),
    "not a number": (float("nan"), float("nan")),
    "list and tuple": ((1, 2.0), [1, 2]),
    "list and tensor": ([[1.0, 2.0]], torch.tensor([[1, 2]])),
    "array and tensor": (np.ones((2, 3)), torch.ones(2, 3)),
    "NumPy number": (np.float32(0.5), 0.5),
    "tensor without dimensions": (torch.tensor(0.5), 0.5),
    "float32": (torch.tensor(THIRD), THIRD),
    "with gradient": (torch.ones(2, requires_grad=True), torch.ones(2)),
    "texts": ("cat", "cat"),
    "lists of texts": (["a", "cat"], ["a", "cat"]),
    "dicts in any order": ({"a": 1, "b": 2.0}, {"b": 2, "a": 1}),
    "lists of any lengths": ([[0.1 + 0.2], [1, 2]], [[0.3], [1, 2]]),
    "tensors of two shapes": (
        (torch.ones(2), torch.ones(3)),
        (torch.ones(2), torch.ones(3)),
    ),
    "sets": ({"a", "b"}, {"b", "a"}),
    "empty": ([], []),
}
DIFFERENT = {
    "the seventh digit and more": (THIRD, THIRD * (1 + 2e-6)),
    "sign": (-THIRD, THIRD),
    "a number in text": ("0.5", 0.5),
    "nothing": (None, 0.0),
    "nothing for a dict": (None, {}),
    "a list for a number": ([0.5], 0.5),
    "a tensor for a number": (torch.tensor([0.5]), 0.5),
    "shape": (torch.ones(2, 3), torch.ones(3, 2)),
    "more items": ([1, 2, 3], [1, 2]),
    "more lists": ([[1], [1, 2], []], [[1], [1, 2]]),
    "inside a list": ([[1], [1, 3]], [[1], [1, 2]]),
    "a list for a dict": (["a"], {"a": 1}),
    "keys": ({"a": 1, "b": 0}, {"a": 1}),
    "values": ({"a": {"b": 1}}, {"a": {"b": 2}}),
    "texts": ("Cat", "cat"),
    "1 for True": (1, True),
    "complex": (1j, 1.0),
    "too large for a float": (10**400, 1.0),
    "finite": (1e300, float("inf")),
    "an array of texts": (np.array(["cat"]), 1.0),
    "a function": (len, 1.0),
    "a generator": ((x for x in [1.0]), [1.0]),
}


@pytest.mark.parametrize("pair", EQUAL)
def test_same(pair):
    found, expected = EQUAL[pair]
    assert same(found, expected) is True
    assert same(expected, expected) is True


@pytest.mark.parametrize("pair", DIFFERENT)
def test_not_the_same(pair):
    found, expected = DIFFERENT[pair]
    assert same(found, expected) is False
