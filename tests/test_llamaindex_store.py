"""The store serves LlamaIndex: add, delete, filters, modes, coroutines, the documented example."""

from __future__ import annotations

import asyncio
import pickle
import sys
import threading
import uuid
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.errors import StoreError, StoreMismatch
from konkyo.index.llamaindex import embed_model, retriever, vector_store
from konkyo.index.stores.open import verify_store

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_docs import run_examples
from fixtures_engines import Postgres, postgres
from fixtures_store import ToyEncoder, write_stories

__all__ = ["postgres"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
schema = pytest.importorskip("llama_index.core.schema")
types = pytest.importorskip("llama_index.core.vector_stores.types")

ENCODER = ToyEncoder()
TEXTS = {
    "a1": ("a", "東京で地震があった。", {"desk": "local", "size": 3}),
    "a2": ("a", "津波の心配はない。", {"desk": "local", "size": 5}),
    "b1": ("b", "The central bank kept its rate.", {"desk": "money", "size": 9}),
    "c1": ("c", "총선은 4월에 열린다.", {"desk": "politics"}),
}


def node(name: str, text: str | None = None) -> object:
    document, body, facts = TEXTS[name]
    made = schema.TextNode(
        id_=name,
        text=text or body,
        metadata=facts,
        relationships={schema.NodeRelationship.SOURCE: schema.RelatedNodeInfo(node_id=document)},
    )
    made.embedding = ENCODER.passages([made.text])[0].tolist()
    return made


def query(text: str, k: int = 4, mode: str = "default", **rest: object) -> object:
    vector = ENCODER.queries([text])[0].tolist()
    return types.VectorStoreQuery(
        query_embedding=vector,
        query_str=text,
        similarity_top_k=k,
        mode=types.VectorStoreQueryMode(mode),
        **rest,
    )


def where(*triples: tuple[str, object, str], condition: str = "and") -> object:
    return types.MetadataFilters(
        filters=[
            types.MetadataFilter(key=k, value=v, operator=types.FilterOperator(o))
            for k, v, o in triples
        ],
        condition=types.FilterCondition(condition),
    )


@pytest.fixture(params=["folder", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of four nodes: in a folder, and on a server."""
    place = str(tmp_path / "nodes")
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        place = server.make(f"nodes_{uuid.uuid4().hex[:8]}")
    store = vector_store(place)
    assert store.query(query("x")).ids == []
    assert store.add([node(name) for name in TEXTS]) == list(TEXTS)
    return place


def test_nodes_come_back_as_they_went_in(address: str) -> None:
    store = vector_store(address)
    result = store.query(query("東京で地震があった。", 2))
    assert result.ids[0] == "a1"
    assert result.similarities[0] == pytest.approx(1, abs=1e-3)
    found = result.nodes[0]
    assert (found.text, found.metadata, found.ref_doc_id) == (TEXTS["a1"][1], TEXTS["a1"][2], "a")
    assert {n.node_id for n in store.get_nodes()} == set(TEXTS)
    assert all(f.ok for f in verify_store(address))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("desk", "local", "==")], {"a1", "a2"}),
        ([("desk", "local", "=="), ("size", 4, ">")], {"a2"}),
        ([("desk", ["money", "politics"], "in")], {"b1", "c1"}),
        ([("desk", "local", "!=")], {"b1", "c1"}),
        ([("nothing", 1, "==")], set()),
    ],
)
def test_filters_are_exact(
    address: str, filters: list[tuple[str, object, str]], expected: set[str]
) -> None:
    store = vector_store(address)
    for mode in ("default", "hybrid"):
        result = store.query(query("地震 bank 총선 津波", 4, mode, filters=where(*filters)))
        assert set(result.ids) == expected
    nested = types.MetadataFilters(filters=[where(*filters)], condition=types.FilterCondition.NOT)
    assert set(store.query(query("x", 4, filters=nested)).ids) == set(TEXTS) - expected
    assert {n.node_id for n in store.get_nodes(filters=where(*filters))} == expected


def test_a_rare_node_is_found_behind_many(tmp_path: Path) -> None:
    store = vector_store(tmp_path / "many")
    nodes = []
    for number in range(400):
        made = schema.TextNode(id_=f"n{number}", text=f"地震の第{number}報", metadata={"n": number})
        made.embedding = ENCODER.passages([made.text])[0].tolist()
        nodes.append(made)
    store.add(nodes)
    for number in (0, 399):
        assert store.query(query("総選挙", 3, filters=where(("n", number, "==")))).ids == [
            f"n{number}"
        ]
    assert store.query(query("地震", 3, node_ids=["n7", "n9"])).ids.__len__() == 2
    assert store.query(query("地震", 3, doc_ids=["absent"])).ids == []


def test_the_lexical_modes_see_japanese(address: str) -> None:
    store = vector_store(address)
    for mode in ("text_search", "sparse", "hybrid"):
        assert store.query(query("津波の心配", 1, mode)).ids == ["a2"]
    with pytest.raises(StoreError, match="not a mode"):
        store.query(query("津波", 1, "mmr"))


def test_adding_again_replaces_and_extends(address: str) -> None:
    store = vector_store(address)
    store.add([node("a2", "津波は観測されていない。")])
    assert {n.node_id: n.text for n in store.get_nodes()}["a2"] == "津波は観測されていない。"
    assert len(store.get_nodes()) == 4
    same = schema.TextNode(id_="d1", text=TEXTS["b1"][1])
    same.embedding = ENCODER.passages([same.text])[0].tolist()
    store.add([same])
    assert set(store.query(query(same.text, 2)).ids) == {"b1", "d1"}
    assert all(f.ok for f in verify_store(address))


def test_nodes_added_at_the_same_time_are_all_kept(address: str) -> None:
    def made(name: str) -> object:
        added = schema.TextNode(
            id_=name,
            text=f"東京の第{name}報によると、被害はない。",
            relationships={schema.NodeRelationship.SOURCE: schema.RelatedNodeInfo(node_id="a")},
        )
        added.embedding = ENCODER.passages([added.text])[0].tolist()
        return added

    names = [f"n{number}" for number in range(6)]
    start = threading.Barrier(len(names))

    def add(name: str) -> None:
        start.wait(60)
        vector_store(address).add([made(name)])

    threads = [threading.Thread(target=add, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert {n.node_id for n in vector_store(address).get_nodes()} == {*TEXTS, *names}


def test_what_is_deleted_is_gone(address: str) -> None:
    store, other = vector_store(address), vector_store(address)
    assert len(other.get_nodes()) == 4
    store.delete_nodes(["a1"])
    assert {n.node_id for n in other.get_nodes()} == {"a2", "b1", "c1"}
    store.delete("a")
    store.delete("never there")
    assert {n.node_id for n in other.get_nodes()} == {"b1", "c1"}
    assert set(other.query(query("東京で地震があった。")).ids) == {"b1", "c1"}
    store.delete_nodes(filters=where(("desk", "money", "==")))
    assert {n.node_id for n in other.get_nodes()} == {"c1"}
    store.clear()
    assert other.get_nodes() == []
    assert all(f.ok for f in verify_store(address))


def test_an_empty_list_of_documents_finds_nothing(address: str) -> None:
    store = vector_store(address)
    assert store.query(query("地震", doc_ids=[])).ids == []
    # What VectorStoreIndex.as_retriever sends where it means no limit.
    assert len(store.query(query("地震", node_ids=[])).ids) == 4
    assert store.get_nodes([]) == []
    store.delete_nodes([])
    assert len(store.get_nodes()) == 4


def test_unknown_identifiers_are_skipped(address: str) -> None:
    store = vector_store(address)
    assert [n.node_id for n in store.get_nodes(["gone", "b1", "gone too", "a2"])] == ["b1", "a2"]
    assert store.query(query("地震", node_ids=["gone", "b1"])).ids == ["b1"]
    store.delete_nodes(["gone", "b1"])
    assert {n.node_id for n in store.get_nodes()} == {"a1", "a2", "c1"}


def test_clearing_is_one_commit(address: str, tmp_path: Path) -> None:
    write_stories(tmp_path / "news", 12)
    build([str(tmp_path / "news")], tmp_path / "built", ENCODER)
    for place in (address, tmp_path / "built"):
        store = vector_store(place)
        before = store.client.generation
        store.clear()
        assert store.client.generation == before + 1
        assert store.get_nodes() == []
        store.clear()
        assert store.client.generation == before + 1


def test_the_adapters_can_be_sent_to_another_process(address: str) -> None:
    store = pickle.loads(pickle.dumps(vector_store(address)))
    assert {n.node_id for n in store.get_nodes()} == set(TEXTS)
    model = pickle.loads(pickle.dumps(embed_model(ENCODER)))
    assert model.get_query_embedding("x") == ENCODER.queries(["x"])[0].tolist()


def test_coroutines(address: str) -> None:
    async def go() -> list[str]:
        store = vector_store(address)
        await store.adelete("b")
        await store.async_add([node("b1")])
        await store.adelete_nodes(["c1"])
        assert len(await store.aget_nodes()) == 3
        return (await store.aquery(query("central bank rate", 1))).ids

    assert asyncio.run(go()) == ["b1"]


def test_a_built_store_is_searched_and_deleted_from(tmp_path: Path) -> None:
    write_stories(tmp_path / "news", 12)
    build([str(tmp_path / "news")], tmp_path / "s", ENCODER)
    store = vector_store(tmp_path / "s")
    found = retriever(tmp_path / "s", ENCODER, top_k=2).retrieve("札幌の日銀、第2報")
    best = found[0].node
    assert (best.metadata["title"], best.metadata["outlet"]) == ("札幌の日銀、第2報", "札幌新聞")
    with store.client as opened:
        text = opened.article(best.metadata["article_id"]).text
    assert text[best.metadata["start"] : best.metadata["end"]] == best.text
    store = vector_store(tmp_path / "s")
    only = store.query(query("発表", 20, filters=where(("outlet", "札幌新聞", "=="))))
    assert {n.metadata["outlet"] for n in only.nodes} == {"札幌新聞"}
    with pytest.raises(StoreMismatch, match="konkyo index add"):
        store.add([node("a1")])
    store.delete(best.metadata["article_id"])
    assert best.node_id not in store.query(query("札幌の日銀", 50)).ids


def test_the_documented_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from konkyo.index.embedding.encoders import load_encoder

    assert run_examples("llamaindex.md", "python", tmp_path, monkeypatch) == 2
    lines = capsys.readouterr().out.strip().split("\n")
    assert len(lines) == 7
    assert "ベネズエラ" in lines[3]
    assert lines[-1] == "東京で地震があった。"
    assert embed_model(load_encoder("multilingual-e5-small")).get_query_embedding("x")
