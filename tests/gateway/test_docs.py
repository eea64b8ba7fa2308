import re

import httpx2


async def test_the_reference_page_asks_nobody_else(http: httpx2.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"(src|href)=\"(https?:)?//", page.text)
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text  # its policy would refuse it
    for source in re.findall(r"(?:src|href)=\"(docs/[^\"]+)\"", page.text):
        assert (await http.get(f"/{source}")).status_code == 200, source


async def test_the_reference_knows_what_each_route_asks_for(http: httpx2.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    assert document["paths"]["/things/mine"]["get"]["security"] == [{"HTTPBearer": []}]
    assert "security" not in document["paths"]["/things/{thing_id}"]["get"]
    assert {"/health", "/stats", "/auth/login"} <= set(document["paths"])


async def test_the_reference_tells_of_failures_as_they_are(http: httpx2.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    answers = document["paths"]["/auth/login"]["post"]["responses"]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert [answers[status]["content"] for status in ("422", "default")] == [problem, problem]
    referred = set(re.findall(r"#/components/schemas/([\w-]+)", str(document)))
    assert referred <= set(document["components"]["schemas"])


async def test_there_is_no_way_out_of_the_folder_of_the_page(http: httpx2.AsyncClient) -> None:
    answers = [await http.get(f"/docs/{name}") for name in ("favicon.png", "..%2f__init__.py", "redoc.standalone.js")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
