"""Inherited endpoints, single documents, pydantic parameters, results beside documents, as a program for Jina has them."""

from docarray import BaseDoc, DocList
from jina import Deployment, Executor, Flow, requests
from pydantic import BaseModel


class Text(BaseDoc):
    text: str = ""


class Length(BaseDoc):
    length: int = 0


class Options(BaseModel):
    times: int = 1
    end: str = ""


class Parent(Executor):
    def __init__(self, word: str = "parent", **kwargs):
        super().__init__(**kwargs)
        self.word = word

    @requests(on="/one")
    def one(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += f" {self.word} one"
        return docs

    @requests(on="/two")
    def two(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += f" {self.word} two"
        return docs


class Child(Parent):
    @requests(on="/two")
    def two(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text += " child two"
        return docs

    @requests(on="/three")
    def three(self, doc: Text, parameters: Options, **kwargs) -> Length:
        return Length(length=len(doc.text) * parameters.times)

    @requests(on="/four")
    def four(self, docs: DocList[Text], parameters, **kwargs):
        return {"count": len(docs), "given": parameters.get("given")}

    @requests(on="/five")
    async def five(self, doc: Text, **kwargs) -> Text:
        return Text(text=doc.text + " five")

    @requests(on="/six")
    def six(self, docs: DocList[Text], **kwargs):
        docs.clear()

    def plain(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text="plain")])


def say(*words):
    """What is compared: Jina prints much else."""
    print(">", *words, flush=True)


def texts(*words):
    return DocList[Text]([Text(text=word) for word in words])


if __name__ == "__main__":
    alone = Child(word="alone")
    say([doc.text for doc in alone.one(texts("a"))], [doc.text for doc in alone.two(docs=texts("b"))])
    say(sorted(path for path in alone.requests if path[0] == "/"), alone.metas.name)
    with Deployment(
        uses=Child, uses_with={"word": "served"}, uses_requests={"/plain": "plain", "/seven": "one"}
    ) as deployment:
        for endpoint in ["/two", "/five", "/six", "/plain", "/seven"]:
            say(endpoint, [doc.text for doc in deployment.post(endpoint, texts("a", "b"), return_type=DocList[Text])])
        lengths = deployment.post("/three", texts("abc", "d"), parameters={"times": 3}, return_type=DocList[Length])
        say("lengths", [doc.length for doc in lengths])
        single = deployment.post("/three", Text(text="abcd"), parameters={"times": 2}, return_type=Length)
        say("single", type(single).__name__, single.length)
        given = {"parameters": {"given": "x"}, "return_responses": True, "return_type": DocList[Text]}
        response = deployment.post("/four", texts("a", "b"), **given)[0]
        say("results", [sorted(value) for value in response.parameters["__results__"].values()])
    flow = Flow().add(name="one", uses=Parent).add(name="two", uses=Parent, uses_with={"word": "second"})
    with flow:
        for target in ["two", "(one|two)", "none"]:
            found = flow.post("/one", texts("a"), target_executor=target, return_type=DocList[Text])
            say("target", target, [doc.text for doc in found])
