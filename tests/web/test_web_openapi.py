"""The API is what its description says: for requests that fit it and for those that do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

import jsonschema
from asked import ask, ended, live, run, running, upload

from vadd.web.schema import JobDocument


def test_the_description_names_every_route_and_has_examples(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            told = (await ask(app, "GET", "/api/v1/openapi.json")).json()
            assert told["openapi"].startswith("3.1")
            paths = {(method, path) for path, methods in told["paths"].items() for method in methods}
            at = "/api/v1/jobs/{id}"
            assert paths == {
                ("post", "/api/v1/jobs"), ("get", "/api/v1/jobs"), ("get", at), ("delete", at), ("post",
                f"{at}/cancel"),
                ("get", f"{at}/events"), ("get", f"{at}/result"), ("get", f"{at}/report.html"), ("get",
                f"{at}/report.csv"),
                ("get", f"{at}/spans.srt"), ("get", f"{at}/result.json"), ("get", "/api/v1/models"),
                ("get", "/api/v1/health"), ("get", "/api/v1/metrics"),
            }  # fmt: skip
            for methods in told["paths"].values():
                for operation in methods.values():
                    assert operation["summary"]
                    for status, answer in operation["responses"].items():
                        assert answer["description"]
                        if int(status) >= 400:
                            assert list(answer["content"]) == ["application/problem+json"]
            parts = told["components"]["schemas"]
            assert parts["JobDocument"]["examples"]
            assert parts["ProblemDocument"]["examples"]
            for name in ("JobDocument", "ProblemDocument", "HealthDocument"):
                whole = {**parts[name], "components": told["components"]}
                for example in parts[name]["examples"]:
                    jsonschema.validate(example, whole)
            assert "cdn" not in json.dumps(told)

    run(work())


def test_what_is_sent_has_the_form_that_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            told = (await ask(app, "GET", "/api/v1/openapi.json")).json()
            id_ = (await upload(app)).json()["id"]
            await ended(app, id_)
            for path, given in (
                ("/api/v1/jobs", "/api/v1/jobs"), ("/api/v1/jobs/{id}", f"/api/v1/jobs/{id_}"),
                ("/api/v1/jobs/{id}/result", f"/api/v1/jobs/{id_}/result"), ("/api/v1/models",
                "/api/v1/models"),
                ("/api/v1/health", "/api/v1/health"),
            ):  # fmt: skip
                schema = told["paths"][path]["get"]["responses"]["200"]["content"]["application/json"][
                    "schema"
                ]
                answer = (await ask(app, "GET", given)).json()
                jsonschema.validate(answer, {**schema, "components": told["components"]})
            assert set(JobDocument.model_fields) == set((await ask(app, "GET", f"/api/v1/jobs/{id_}")).json())

    run(work())


def test_lists_go_on_where_they_ended(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            ids = [(await upload(app, f"{n}".encode())).json()["id"] for n in range(7)]
            seen: list[str] = []
            path: str | None = "/api/v1/jobs?limit=3"
            while path is not None:
                page = (await ask(app, "GET", path)).json()
                seen += [job["id"] for job in page["jobs"]]
                path = page["next"]
            assert seen == ids[::-1]

    run(work())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("root")
    (root / "a.mp4").write_bytes(b"a clip")
    with live(tmp_path_factory.mktemp("openapi"), max_jobs=5000, free_bytes=1, allow_root=root) as server:
        yield server.address


def test_generated_requests(address: str) -> None:
    schemathesis = pytest.importorskip(
        "schemathesis", reason="schemathesis is not installed: no generated requests"
    )
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from schemathesis.checks import positive_data_acceptance as accepted

    schema: Any = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    count = 0
    for operation in schema.get_all_operations():
        operation = operation.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            cases = operation.as_strategy(generation_mode=mode)

            @seed(7)
            @settings(
                max_examples=25, database=None, deadline=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=cases)
            def sent(case: Any) -> None:
                nonlocal count
                count += 1
                answer = case.call(timeout=60)
                # What rate a detector can promise its calibration says, not the schema.
                unpromised = answer.status_code == 422 and b"cannot be promised" in answer.content
                case.validate_response(answer, excluded_checks=[accepted] if unpromised else [])

            try:
                sent()
            except Exception as error:
                if "Unsatisfiable" in type(error).__name__ or "SkipTest" in type(error).__name__:
                    continue
                raise
    assert count > 300
