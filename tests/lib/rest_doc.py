"""rest_doc - what an OpenAPI document promises, and whether a request and its answer are as it says.

For hostile_rest.py.  Of an answer everything is looked at that the document has words for: the status, the type and
the schema of the body, the headers; and what holds of every answer of this API, whatever was asked.
"""
import json
import re

import jsonschema

JSON, LINES, PROBLEM = "application/json", "application/x-ndjson", "application/problem+json"
RANK = {"anybody": -1, "auditor": 0, "operator": 1, "administrator": 2}


def strictly(text):
    """JSON as this API reads it: UTF-8, no member twice.  Raises ValueError."""

    def once(pairs):
        if len({k for k, _ in pairs}) != len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    def never(word):
        raise ValueError(word)

    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=never)
    except RecursionError:
        raise ValueError("deep") from None


class Operation:
    def __init__(self, doc, method, pattern, op):
        self.doc, self.method, self.pattern = doc, method.upper(), pattern
        self.id, self.least, self.responses = op["operationId"], op["x-least-role"], op["responses"]
        self.name = f"{self.method} {pattern}"
        of = {"path": {}, "query": {}, "header": {}}
        for p in op["parameters"]:
            of[p["in"]][p["name"]] = p
        self.path, self.query, self.headers = of["path"], of["query"], of["header"]
        body = op.get("requestBody", {})
        self.bodies = {kind: media["schema"] for kind, media in body.get("content", {}).items()}
        self.needs_body = body.get("required", False)
        self.is_list = LINES in self.content("200") and JSON in self.content("200")
        like = re.escape(pattern).replace(r"\{", "{").replace(r"\}", "}")
        like = re.sub(r"{[^}]*\\\.\\\.\\\.}", ".+", like)
        self.like = re.compile(re.sub(r"{[^}]*}", "[^/]+", like))
        self.judges = {}

    def answer(self, status):
        """What the document says of this status; None: nothing."""
        a = self.responses.get(str(status))
        return self.doc["components"]["responses"][a["$ref"].split("/")[-1]] if a and "$ref" in a else a

    def content(self, status):
        return (self.answer(status) or {}).get("content", {})

    def judge(self, schema, key):
        """A validator, made once."""
        if key not in self.judges:
            whole = dict(schema, components=self.doc["components"])
            self.judges[key] = jsonschema.Draft202012Validator(whole)
        return self.judges[key]

    def what_is_wrong(self, schema, key, value):
        try:
            error = next(self.judge(schema, key).iter_errors(value), None)
        except RecursionError:
            return "it is too deep"
        return error and f"{error.json_path}: {error.message[:200]}"

    # ---- a request ----

    def breaks_body(self, body, kind):
        """What of a body the document forbids; None: nothing that it knows."""
        kind = (kind or "").split(";")[0].strip().lower()
        if kind != JSON or kind not in self.bodies or (not body and not self.needs_body):
            return None
        try:
            return self.what_is_wrong(self.bodies[JSON], "in", strictly(body))
        except ValueError as e:
            return str(e) or "no JSON"

    def breaks_query(self, pairs):
        """The same of a query."""
        names = [n for n, _ in pairs]
        for name in names:
            if name not in self.query:
                return f"unknown parameter {name!r}"
            if names.count(name) > 1:
                return f"{name!r} twice"
        for name, value in pairs:
            schema = self.query[name]["schema"]
            if schema.get("type") == "integer":
                value = int(value) if re.fullmatch("[0-9]{1,18}", value) else value
            elif schema.get("type") == "boolean":
                value = {"true": True, "false": False}.get(value, value)
            wrong = self.what_is_wrong(schema, "?" + name, value)
            if wrong:
                return f"{name}: {wrong}"
        lacks = [n for n, p in self.query.items() if p.get("required") and n not in names]
        return f"lacks {lacks}" if lacks else None

    # ---- an answer ----

    def faults(self, a):
        """What is wrong with an answer to a well-formed request for this operation, a text each."""
        said = self.answer(a.status)
        if said is None:
            yield f"the status {a.status} is not documented"
            return
        kinds = said.get("content", {})
        if a.body or a.kind:
            yield from self.faults_of_body(a, kinds)
        elif kinds and not a.of_head:
            yield "there is no body"
        for name, header in said.get("headers", {}).items():
            if "$ref" in header:
                header = self.doc["components"]["headers"][header["$ref"].split("/")[-1]]
            if header.get("required") and name.lower() not in a.headers:
                yield f"{a.status} without {name}"
        for name in ("Location", "ETag", "Retry-After", "WWW-Authenticate", "Idempotent-Replayed"):
            if name.lower() in a.headers and name not in said.get("headers", {}):
                yield f"the header {name} of {a.status} is not documented"

    def faults_of_body(self, a, kinds):
        if a.kind not in kinds:
            yield f"{a.status} has the type {a.kind!r}; the document has {sorted(kinds)}"
            return
        if a.of_head or "json" not in a.kind:
            return
        try:
            docs = [strictly(line) for line in a.body.splitlines()] if a.kind == LINES else [strictly(a.body)]
        except ValueError as e:
            yield f"the body is no JSON: {e}"
            return
        for doc in docs:
            wrong = self.what_is_wrong(kinds[a.kind]["schema"], f"{a.status} {a.kind}", doc)
            if wrong:
                yield f"the body of {a.status} is otherwise: {wrong}"
                return


def faults_of_any(a):
    """What must hold of every answer, also where no operation is."""
    if a.status >= 500 and a.status != 503:
        yield f"it answers {a.status}"
    if a.status == 503 and "retry-after" not in a.headers or a.status == 429 and "retry-after" not in a.headers:
        yield f"{a.status} without Retry-After"
    if a.status == 401 and "www-authenticate" not in a.headers:
        yield "401 without WWW-Authenticate"
    if a.status == 405 and "allow" not in a.headers:
        yield "405 without Allow"
    if a.of_head and a.body:
        yield "HEAD has a body"
    if a.status >= 400 and not a.of_head:
        yield from faults_of_problem(a)


def faults_of_problem(a):
    if a.kind != PROBLEM:
        yield f"{a.status} is no problem document but {a.kind!r}"
        return
    try:
        doc = strictly(a.body)
    except ValueError as e:
        yield f"the problem document is no JSON: {e}"
        return
    lacks = [m for m in ("type", "title", "status", "detail", "instance") if not doc.get(m)]
    if lacks or doc["status"] != a.status:
        yield f"the problem document of {a.status} has no {lacks or 'such status'}"


def operations(doc):
    return [Operation(doc, m, p, op) for p, item in doc["paths"].items() for m, op in item.items()]
