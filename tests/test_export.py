"""Files for the page: what is in them, and what is refused.

That a browser computes with them what PyTorch does, is tested on the site:
tests/site/test_web_models.py.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import web

import lmbook
from lmbook.bpe import BytePairTokenizer
from lmbook.checkpoint import unpack
from lmbook.export import WEB, pack_ngram
from lmbook.layers import ReLUFeedForward
from lmbook.ngram import train_ngram
from lmbook.ngram_files import expand
from lmbook.oracle import Oracle, arguments
from lmbook.oracle_tables import Tables, Values, all_phases
from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.storyworld import KINDS, VARIABLES
from lmbook.tokenizers import ByteTokenizer, CharacterTokenizer, WordTokenizer
from lmbook.transformer import Transformer, TransformerConfig

WORDS = WordTokenizer(["a", "b", "c", "d"])


def generator():
    return torch.Generator().manual_seed(0)


def small_rnn(**options):
    sizes = {"vocab_size": WORDS.vocab_size, "d_model": 5, "d_hidden": 3}
    return RNNLanguageModel(RNNConfig(**sizes | options), generator())


def small_transformer(**options):
    config = TransformerConfig(
        vocab_size=WORDS.vocab_size,
        context_length=11,
        d_model=12,
        num_heads=2,
        num_layers=2,
        **options,
    )
    return Transformer(config, generator())


def small_ngram():
    documents = [torch.tensor([1, 3, 4, 2]), torch.tensor([1, 3, 3, 2])]
    return train_ngram(documents, 2, WORDS.vocab_size)


def content(path):
    """What a file is about, and its arrays, expanded."""
    tensors, about = unpack(path, WEB)
    types = about.get("types", {})
    return about, {
        name: expand(x, types[name]) if name in types else x.numpy()
        for name, x in tensors.items()
    }


# --- What is written ---------------------------------------------------------


@pytest.mark.parametrize("make", [small_rnn, small_transformer, small_ngram])
def test_the_same_model_gives_the_same_bytes(make, tmp_path):
    lmbook.export_web(make(), WORDS, tmp_path / "a")
    lmbook.export_web(make(), WORDS, tmp_path / "b")
    written = (tmp_path / "a").read_bytes()
    assert written == (tmp_path / "b").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_weights_are_in_float16_and_tied_ones_once(tmp_path):
    model = small_transformer(tie_embeddings=True)
    lmbook.export_web(model, WORDS, tmp_path / "model")
    about, arrays = content(tmp_path / "model")
    assert {a.dtype for a in arrays.values()} == {np.dtype("float16")}
    assert "unembedding.weight" not in arrays
    assert about["config"]["norm_eps"] == 1e-5
    assert about["tokenizer"]["tokens"] == WORDS.tokens
    embedding = model.token_embedding.weight.detach()
    stored = torch.from_numpy(arrays["token_embedding.weight"])
    assert torch.equal(stored, embedding.half())


def test_the_model_itself_stays_as_it_was(tmp_path):
    model = small_rnn().train()
    before = {n: p.clone() for n, p in model.named_parameters()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    lmbook.export_web(model, WORDS, tmp_path / "model")
    assert torch.equal(torch.rand(2), expected)  # no random number was used
    assert model.training
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])


@pytest.mark.parametrize(
    ("tokenizer", "kind"),
    [
        (WORDS, "words"),
        (CharacterTokenizer("abcd"), "characters"),
        (ByteTokenizer(), "bytes"),
        (BytePairTokenizer([("a", "b")]), "byte-pair"),
    ],
)
def test_every_tokenizer_of_the_book_is_known(tokenizer, kind, tmp_path):
    model = small_rnn(vocab_size=tokenizer.vocab_size)
    lmbook.export_web(model, tokenizer, tmp_path / "model")
    about, _ = content(tmp_path / "model")
    assert about["tokenizer"]["kind"] == kind


def test_only_who_asks_for_export_web_waits_for_it():
    code = (
        "import sys, lmbook; light = 'torch' in sys.modules;"
        "from lmbook import export_web; print(light, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "False True\n", done.stderr
    with pytest.raises(AttributeError, match="no attribute 'export_all'"):
        lmbook.export_all  # noqa: B018


# --- What is refused ---------------------------------------------------------


def refuse(match, model, tokenizer, folder, **options):
    path = folder / "model"
    path.write_text("as it was")
    with pytest.raises(ValueError, match=match):
        lmbook.export_web(model, tokenizer, path, **options)
    assert path.read_text() == "as it was"


def test_another_vocabulary_is_refused(tmp_path):
    message = "the model has vocab_size=7, the tokenizer vocab_size=258"
    refuse(message, small_rnn(), ByteTokenizer(), tmp_path)


def test_a_model_that_pages_do_not_know_is_refused(tmp_path):
    class Mine(RNNLanguageModel):
        pass

    model = Mine(small_rnn().config, generator())
    refuse(
        "no page can use a model of type Mine: pass", model, WORDS, tmp_path
    )


def test_a_tokenizer_that_pages_do_not_know_is_refused(tmp_path):
    class Mine(WordTokenizer):
        pass

    tokenizer = Mine(["a", "b", "c", "d"])
    message = "a tokenizer of type Mine: pass one of WordTokenizer"
    refuse(message, small_rnn(), tokenizer, tmp_path)


def test_counts_from_another_beginning_are_refused(tmp_path):
    documents = [torch.tensor([0, 3, 4, 2])]
    model = train_ngram(documents, 2, WORDS.vocab_size, bos_id=0)
    message = "counted with bos_id=0, the tokenizer has bos_id=1"
    refuse(message, model, WORDS, tmp_path)


def test_exchanged_parts_are_refused(tmp_path):
    model = small_transformer()
    model.blocks[1].feed_forward = ReLUFeedForward(12, 32, generator())
    message = "blocks.1.feed_forward is ReLUFeedForward and not SwiGLU"
    refuse(message, model, WORDS, tmp_path)


def test_other_angles_than_the_configs_are_refused(tmp_path):
    model = small_transformer()
    model.positions = small_transformer(rotary_base=500.0).positions
    message = "positions.cosines holds other numbers than the config makes"
    refuse(message, model, WORDS, tmp_path)


def test_weights_beyond_float16_are_refused(tmp_path):
    model = small_rnn()
    with torch.no_grad():
        model.layers[0].bias[2] = 7e4
    message = "layers.0.bias goes up to 7e[+]04, and float16 to 65504"
    refuse(message, model, WORDS, tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    model = small_rnn()
    with torch.no_grad():
        model.token_embedding.weight[2, 3] = torch.nan
    refuse("token_embedding.weight goes up to nan", model, WORDS, tmp_path)


def test_a_file_that_is_too_large_is_refused_unless_asked_for(tmp_path):
    model = small_rnn(d_model=700, d_hidden=700, cell="elman")
    message = r"would have 1,9\d\d,\d\d\d bytes, more than max_bytes=1,000,000"
    refuse(message, model, WORDS, tmp_path, max_bytes=1_000_000)
    lmbook.export_web(model, WORDS, tmp_path / "model")
    model = small_rnn(d_model=750, d_hidden=750, cell="elman")
    refuse("more than max_bytes=2,000,000: export a", model, WORDS, tmp_path)
    lmbook.export_web(model, WORDS, tmp_path / "model", max_bytes=None)


# --- N-grams -----------------------------------------------------------------


def test_tables_hold_the_ngrams():
    """Of "a b" and "a a": after a come </s>, a and b."""
    about, tensors = pack_ngram(small_ngram())
    types = about["types"]
    lists = {name: expand(tensors[name], types[name]) for name in types}
    assert lists["followers.2"].tolist() == [0, 1, 0, 3, 1, 0, 0, 0]
    assert lists["words.2"].tolist() == [3, 2, 3, 4, 2]
    assert lists["counts.2"].tolist() == [2, 1, 1, 1, 1]
    alphas = tensors["alpha_values.2"][torch.from_numpy(lists["alpha.2"])]
    expected = small_ngram().smoothed[1].alpha[:-1]
    np.testing.assert_allclose(alphas.numpy(), expected, rtol=1e-7)


# --- The oracle --------------------------------------------------------------


@pytest.fixture(scope="module")
def tables():
    """As shipped; that they are up to date is tested below."""
    about, arrays = content(web.path_of("oracle"))
    return about, arrays["tables"]


def fragments(tables, phase_number, world):
    """What a phase gives, read from the tables: text, then, weight, changes"""
    about, numbers = tables
    phase, members = about["phases"][phase_number], about["values"]

    def look_up(entry):
        if isinstance(entry, int):
            return entry
        start, *names = entry
        at = 0
        for name in names:
            domain = list(VARIABLES[name])
            at = at * len(domain) + domain.index(world[name])
        return int(numbers[start + at])

    for shape in phase["shapes"][look_up(phase["shape"])]:
        pairs = zip(shape["words"], shape["kinds"], strict=True)
        words = [(members[look_up(w)], kind) for w, kind in pairs]
        text = " ".join(
            f"{KINDS[kind - 1]}={word}" if kind else word
            for word, kind in words
        )
        changes = {n: members[look_up(e)] for n, e in shape["changes"].items()}
        yield text, shape["then"], shape["weight"], changes


def test_the_tables_are_storyworld(tables):
    """Every phase, in a hundred random worlds."""
    phases, random = list(all_phases()), np.random.default_rng(0)
    assert len(phases) == len(tables[0]["phases"])
    for number, phase in enumerate(phases):
        for _ in range(100):
            world = {
                name: list(VARIABLES[name])[
                    random.integers(len(VARIABLES[name]))
                ]
                for name in arguments(phase)
            }
            expected = [
                (text, phases.index(then), weight, changes)
                for text, then, weight, changes in phase(**world)
            ]
            assert list(fragments(tables, number, world)) == expected


def test_the_tables_are_small(tables):
    about, numbers = tables
    assert len(json.dumps(about)) < 100_000 and numbers.nbytes < 50_000
    actor = next(p for p in about["phases"] if p["arguments"][-1:] == ["last"])
    assert actor["shape"][1:] == ["last"]  # though it has four arguments


def test_an_entry_needs_as_few_variables_as_will_do():
    names = ("kept", "count", "num_events")
    places = np.array(
        [(i, j, k) for i in (0, 1) for j in range(9) for k in range(5)]
    )
    i, j, k = places.T
    tables = Tables()
    assert tables.entry(0 * i + 7, places, names) == 7
    assert tables.entry(k + 2, places, names) == [0, "num_events"]
    assert tables.entry(i * 9 + j, places, names) == [5, "kept", "count"]
    assert tables.entry(2 + k, places, names) == [0, "num_events"]
    assert tables.numbers == [2, 3, 4, 5, 6, *range(18)]


def test_two_values_at_one_place_are_refused():
    places = np.array([(0,), (1,), (1,)])
    with pytest.raises(ValueError, match="no function of kept: two values"):
        Tables().entry(np.array([3, 4, 5]), places, ("kept",))


def test_numbers_tell_true_from_one():
    values = Values(["a", "b"])
    assert [values.number(v) for v in ("b", True, 1, True, "a")] == [
        1,
        2,
        3,
        2,
        0,
    ]
    assert values.members == ["a", "b", True, 1]


# --- The files that come with the book ---------------------------------------


@pytest.mark.parametrize("name", web.NAMES)
def test_the_files_are_those_of_the_checkpoints(name, tmp_path):
    """Arrays are compared, as another zlib may compress otherwise."""
    path = web.path_of(name, tmp_path)
    lmbook.export_web(web.page_model(name), Oracle().tokenizer, path)
    about, arrays = content(path)
    stored_about, stored = content(web.path_of(name))
    assert about == stored_about, "run `make web`"
    assert arrays.keys() == stored.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(array, stored[key], "run `make web`")
    assert web.path_of(name).stat().st_size <= 2_000_000
