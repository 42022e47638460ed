"""The checker inside LlamaIndex: evaluator, node postprocessor, response synthesizer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from konkyo.index import embed_model, vector_store
from konkyo.index.errors import ModelMissing
from konkyo.rag import (
    faithfulness_evaluator,
    node_postprocessor,
    open_llm,
    query_engine,
    response_synthesizer,
)

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder
from test_answer import GOOD, QUESTION, TEXT, Reads, Says, pipeline

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
core = pytest.importorskip("llama_index.core")
schema = pytest.importorskip("llama_index.core.schema")

INSTITUTE = (
    "みらい通信は14日、名古屋市に約300人が働く研究所を2027年4月に開くと発表した。"
    "所長には東都大学の佐伯健一教授が就く。投資額は120億円を見込む。"
)
QUAKE = "東京で地震があった。津波の心配はない。"
BANK = "The central bank kept its rate at 0.75 percent. Two members of the board dissented."
DIRECTOR = "研究所の所長は誰ですか"


def scored(text: str, **rest: object) -> object:
    return schema.NodeWithScore(node=schema.TextNode(text=text, **rest), score=0.5)


@pytest.fixture(scope="module")
def index() -> object:
    """LlamaIndex's own index in memory, over documents of ours in name only."""
    documents = [
        core.Document(text=INSTITUTE, doc_id="institute", metadata={"file_name": "a.txt"}),
        core.Document(text=QUAKE, doc_id="quake"),
        core.Document(text=BANK, doc_id="bank"),
    ]
    try:
        return core.VectorStoreIndex.from_documents(documents, embed_model=embed_model())
    except ModelMissing as exc:
        pytest.skip(str(exc))


def over(index: object, synthesizer: object, *postprocessors: object) -> object:
    from llama_index.core.query_engine import RetrieverQueryEngine

    found = index.as_retriever(similarity_top_k=3)
    return RetrieverQueryEngine(found, synthesizer, list(postprocessors))


@pytest.fixture(scope="module")
def evaluator(index: object) -> object:
    return faithfulness_evaluator()


@pytest.fixture(scope="module")
def synthesizer(index: object) -> object:
    return response_synthesizer(open_llm("none"))


# --- response synthesizer -------------------------------------------------------------------------


def test_answers_over_anybodys_retriever(index: object, synthesizer: object) -> None:
    engine = over(index, synthesizer)
    response = engine.query(DIRECTOR)
    assert str(response) == "所長には東都大学の佐伯健一教授が就く。[1]"
    (source,) = response.source_nodes
    assert source.text == "所長には東都大学の佐伯健一教授が就く。"
    assert source.node.metadata["file_name"] == "a.txt"
    assert source.node.ref_doc_id == "institute"
    assert INSTITUTE[source.node.start_char_idx : source.node.end_char_idx] == source.text
    (cited,) = response.metadata["citations"]
    assert (cited["article_id"], cited["start"]) == ("institute", source.node.start_char_idx)


def test_refuses_what_the_nodes_do_not_say(index: object, synthesizer: object) -> None:
    engine = over(index, synthesizer)
    response = engine.query("東京都知事の好物は何？")
    assert response.metadata["status"] == "refused"
    assert response.source_nodes == []
    nothing = synthesizer.synthesize(DIRECTOR, [])
    assert (nothing.metadata["reason"], nothing.source_nodes) == ("no_evidence", [])
    blank = synthesizer.synthesize(DIRECTOR, [scored(" ")])
    assert blank.metadata["reason"] == "no_evidence"


def test_streams_and_coroutines_give_the_same(index: object, synthesizer: object) -> None:
    nodes = [scored(INSTITUTE), scored(QUAKE)]
    expected = "所長には東都大学の佐伯健一教授が就く。[1]"
    assert asyncio.run(synthesizer.asynthesize(DIRECTOR, nodes)).response == expected
    assert synthesizer.get_response(DIRECTOR, [INSTITUTE, QUAKE]) == expected
    assert asyncio.run(synthesizer.aget_response(DIRECTOR, [INSTITUTE, QUAKE])) == expected
    streaming = response_synthesizer(open_llm("none"), streaming=True)
    response = streaming.synthesize(DIRECTOR, nodes, additional_source_nodes=nodes[1:])
    assert str(response) == expected
    assert [n.text for n in response.source_nodes] == [expected[:-3], QUAKE]

    async def go() -> str:
        stream = await streaming.asynthesize(DIRECTOR, nodes)
        return "".join([piece async for piece in stream.async_response_gen()])

    assert asyncio.run(go()) == expected


def test_nodes_of_our_own_store_keep_their_place(synthesizer: object) -> None:
    node = scored(INSTITUTE, metadata={"article_id": "0123456789abcdef", "start": 100, "end": 180})
    (source,) = synthesizer.synthesize(DIRECTOR, [node, scored(QUAKE)]).source_nodes
    metadata = source.node.metadata
    assert metadata["article_id"] == "0123456789abcdef"
    assert source.node.start_char_idx == 100 + INSTITUTE.index(source.text)


# --- our engines ----------------------------------------------------------------------------------


def test_our_engine_retrieves_and_synthesizes() -> None:
    from llama_index.core.indices.query.query_transform.base import IdentityQueryTransform
    from llama_index.core.query_engine import TransformQueryEngine

    bundle = schema.QueryBundle(QUESTION)
    model = Says([GOOD] * 3)
    engine = TransformQueryEngine(query_engine(pipeline(model)), IdentityQueryTransform())
    nodes = engine.retrieve(bundle)
    assert nodes[0].text == "日本の対米投資は5500億ドルに上る。"
    response = engine.synthesize(bundle, nodes)
    assert str(response) == "日本の対米投資は5500億ドルに上る。[1]"
    (source,) = response.source_nodes
    assert TEXT[source.node.start_char_idx : source.node.end_char_idx] == source.text
    again = asyncio.run(engine.asynthesize(bundle, nodes))
    assert (str(again), len(again.source_nodes)) == (str(response), 1)
    own = query_engine(pipeline(model))
    assert [n.text for n in asyncio.run(own.aretrieve(bundle))] == [n.text for n in nodes]


# --- node postprocessor ---------------------------------------------------------------------------


def test_orders_nodes_by_whether_they_answer(index: object, synthesizer: object) -> None:
    nodes = [scored(BANK), scored(QUAKE), scored(INSTITUTE)]
    kept = node_postprocessor().postprocess_nodes(nodes, query_str=DIRECTOR)
    assert kept[0].text == INSTITUTE
    assert len(kept) == 3
    best = node_postprocessor(top_n=1, cutoff=0.5)
    assert [n.text for n in best.postprocess_nodes(nodes, query_str=DIRECTOR)] == [INSTITUTE]
    assert best.postprocess_nodes(nodes[:2], query_str=DIRECTOR) == []
    engine = over(index, synthesizer, best)
    assert [n.text for n in engine.retrieve(schema.QueryBundle(DIRECTOR))] == [INSTITUTE]
    with pytest.raises(ValueError, match="question must be given"):
        best.postprocess_nodes(nodes)


def test_any_reader_can_be_given() -> None:
    nodes = node_postprocessor(cutoff=0.5, reader=Reads(0.4)).postprocess_nodes(
        [scored(TEXT)], query_str=QUESTION
    )
    assert nodes == []


# --- evaluator ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "score", "feedback"),
    [
        ("所長は東都大学の佐伯健一教授が務める。[1]", 1.0, ""),
        ("投資額は450億円を見込む。", 0.0, "number: 450億円"),
        (
            "The institute opens in April 2027. It costs 300 billion yen.",
            0.5,
            "number: 300 billion yen",
        ),
        ("The central bank kept its rate at 0.75 percent.", 1.0, ""),
    ],
)
def test_says_which_sentences_the_contexts_support(
    evaluator: object, response: str, score: float, feedback: str
) -> None:
    result = evaluator.evaluate(DIRECTOR, response, [QUAKE, BANK, INSTITUTE])
    assert (result.score, result.passing) == (score, score == 1.0)
    assert feedback in result.feedback
    assert result == asyncio.run(evaluator.aevaluate(DIRECTOR, response, [QUAKE, BANK, INSTITUTE]))


def test_evaluates_as_llamaindex_does(
    index: object, synthesizer: object, evaluator: object
) -> None:
    from llama_index.core.evaluation import BatchEvalRunner

    engine = over(index, synthesizer)
    assert evaluator.evaluate_response(response=engine.query(DIRECTOR)).passing
    runner = BatchEvalRunner({"faithfulness": evaluator}, workers=2)
    results = runner.evaluate_response_strs(
        queries=["q", "q"],
        response_strs=["投資額は120億円を見込む。", "投資額は450億円を見込む。"],
        contexts_list=[[INSTITUTE]] * 2,
    )
    assert [r.passing for r in results["faithfulness"]] == [True, False]
    with pytest.raises(ValueError, match="must be given"):
        evaluator.evaluate("q", "text", None)
    silent = evaluator.evaluate("q", " ", [QUAKE])
    assert (silent.passing, silent.invalid_result) == (False, True)
    assert not evaluator.evaluate("q", "地震があった。", []).passing


# --- several processes ----------------------------------------------------------------------------


def test_an_ingestion_pipeline_with_several_processes(tmp_path: Path) -> None:
    from llama_index.core.ingestion import IngestionPipeline

    store = vector_store(tmp_path / "nodes")
    # No splitter: LlamaIndex's own fetch their tokenizer anew in each process.
    stages = IngestionPipeline(transformations=[embed_model(ToyEncoder())], vector_store=store)
    nodes = [schema.TextNode(id_=f"n{n}", text=f"第{n}号の発表があった。") for n in range(6)]
    made = stages.run(nodes=nodes, num_workers=2)
    assert all(node.embedding for node in made)
    assert {node.node_id for node in store.get_nodes()} == {f"n{n}" for n in range(6)}
