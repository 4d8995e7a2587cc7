"""What is served as an OpenAPI 3.1 document is one, and what was answered is as it says.

openapi.py check DOC             the document by the rules of OpenAPI 3.1 and of JSON Schema 2020-12
openapi.py matrix DOC TOKENS     a curl config that tries every operation as everybody; TOKENS: lines "WHO ROLE HEADER"
openapi.py judge DOC TOKENS OUT  what came of it: a line "WHO METHOD PATTERN STATUS" each
openapi.py answers DOC LOG       recorded answers: lines {"method", "path", "status", "body"}; every operation was done
"""
import json
import re
import sys

import jsonschema

RANK = {"anybody": -2, "device": -1, "auditor": 0, "operator": 1, "administrator": 2}
# What ends the session that it is tried by.
NOT_TRIED = (("delete", "/v1/sessions"), ("delete", "/v1/sessions/current"))
BODY = ("post", "put", "patch")


def fail(*words):
    sys.exit(" ".join(str(w) for w in words))


def operations(doc):
    for pattern, item in doc["paths"].items():
        for method, op in item.items():
            yield method, pattern, op


def walk(node, doc, where="#"):
    if isinstance(node, dict):
        if "$ref" in node:
            at = doc
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at.get(part) or fail(where, "refers to nothing:", node["$ref"])
        for k, v in node.items():
            walk(v, doc, f"{where}/{k}")
    elif isinstance(node, list):
        for i, v in enumerate(node):
            walk(v, doc, f"{where}/{i}")


def schemas_of(op):
    for p in op.get("parameters", []):
        yield p["schema"]
    for r in [op.get("requestBody", {})] + list(op["responses"].values()):
        for media in r.get("content", {}).values():
            yield media["schema"]


def check(doc):
    if not doc["openapi"].startswith("3.1.") or not {"title", "version"} <= doc["info"].keys():
        fail("no OpenAPI 3.1")
    unknown = doc.keys() - {"openapi", "info", "servers", "paths", "components", "security", "tags", "webhooks"}
    if unknown:
        fail("unknown members:", unknown)
    ids = set()
    for method, pattern, op in operations(doc):
        where = f"{method} {pattern}"
        if method not in ("get", "put", "post", "delete", "patch") or not pattern.startswith("/v1/"):
            fail(where, "is no operation")
        if op["operationId"] in ids:
            fail(where, "has another's operationId")
        ids.add(op["operationId"])
        named = [p["name"] for p in op["parameters"] if p["in"] == "path"]
        if named != re.findall(r"{([^}]+)}", pattern) or not all(
            p["required"] for p in op["parameters"] if p["in"] == "path"
        ):
            fail(where, "names other parameters than its path")
        if len({(p["in"], p["name"]) for p in op["parameters"]}) != len(op["parameters"]):
            fail(where, "has a parameter twice")
        if not op["responses"] or not all(re.fullmatch(r"[1-5]\d\d|default", s) for s in op["responses"]):
            fail(where, "has no answers")
        if not all("$ref" in r or "description" in r for r in op["responses"].values()):
            fail(where, "has an answer without a description")
        if "requestBody" in op and method not in BODY:
            fail(where, "has a body")
        for s in schemas_of(op):
            jsonschema.Draft202012Validator.check_schema(s)
    for s in doc["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(s)
    for need in doc["security"]:
        if not need.keys() <= doc["components"]["securitySchemes"].keys():
            fail("unknown security scheme", need)
    walk(doc, doc)


def people(path):
    for line in open(path):
        who, role, header = line.rstrip("\n").split(" ", 2)
        yield who, role, header


def matrix(doc, tokens):
    between = ""
    for who, _, header in people(tokens):
        for method, pattern, _ in operations(doc):
            if (method, pattern) in NOT_TRIED:
                continue
            path = re.sub(r"{[^}]+}", "none", pattern)
            print(f'{between}url = "$URL{path}"\nrequest = "{method.upper()}"')
            if header.startswith("cert "):
                print(f'cert = "{header[5:]}"')
            elif header:
                print(f'header = "Authorization: {header}"')
            if method in BODY:
                kind = "x-ndjson" if pattern == "/v1/batch" else "json"
                print(f'header = "Content-Type: application/{kind}"\ndata = "{{}}"')
            print(f'output = "/dev/null"\nwrite-out = "{who} {method} {pattern} %{{http_code}}\\n"')
            print('cacert = "root.pem"\nsilent\nmax-time = 20')
            between = "next\n"


def expected(role, least):
    """The statuses that are right for one of this role."""
    if least == "anybody":
        return lambda s: s not in (401, 403)
    if role == "nobody":
        return lambda s: s == 401
    if (role == "device") != (least == "device") or RANK[role] < RANK[least]:
        return lambda s: s == 403
    return lambda s: s not in (401, 403) and s < 500


def judge(doc, tokens, out):
    roles = {who: role for who, role, _ in people(tokens)}
    least = {(m, p): op["x-least-role"] for m, p, op in operations(doc)}
    seen = 0
    for line in open(out):
        who, method, pattern, status = line.split()
        if not expected(roles[who], least[method, pattern])(int(status)):
            fail(f"{who} ({roles[who]}) {method} {pattern} answers {status}; it is for {least[method, pattern]}")
        seen += 1
    if seen != len(roles) * (len(least) - len(NOT_TRIED)):
        fail(f"{seen} answers of {len(roles)} times {len(least) - len(NOT_TRIED)}")


def find(doc, method, path):
    for m, pattern, op in operations(doc):
        like = re.escape(pattern).replace(r"\{", "{").replace(r"\}", "}")
        like = re.sub(r"{[^}]*\\\.\\\.\\\.}", ".+", like)
        like = re.sub(r"{[^}]*}", "[^/]+", like)
        if m == method.lower() and re.fullmatch(like, path.split("?")[0]):
            return pattern, op
    fail("no operation for", method, path)


def find_place(doc, where):
    for method in ("get", "post", "delete"):
        for m, pattern, _ in operations(doc):
            like = re.sub(r"{[^}]*}", "[^/]+", re.sub(r"{[^}]*\.\.\.}", ".+", pattern))
            if m == method and re.fullmatch(like, where):
                return
    fail("Location of no operation:", where)


def answers(doc, log):
    done = set()
    for line in open(log):
        a = json.loads(line)
        if a["status"] in (304, 405) or a["path"] == "/v1/nothing":
            continue
        pattern, op = find(doc, a["method"], a["path"])
        status = str(a["status"])
        answer = op["responses"].get(status) or fail(a["method"], a["path"], status, "is not documented")
        while "$ref" in answer:
            answer = doc["components"]["responses"][answer["$ref"].split("/")[-1]]
        kinds = answer.get("content", {})
        if a["type"] not in kinds and (a["type"] or kinds):
            fail(a["method"], a["path"], status, "has the type", a["type"])
        if a["type"] in kinds:
            schema = dict(kinds[a["type"]]["schema"], components=doc["components"])
            for body in a["body"] if a["type"].endswith("ndjson") else [a["body"]]:
                error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(body))
                if error:
                    fail(a["method"], a["path"], status, "answers otherwise:", error.json_path, error.message)
        if a["location"]:
            find_place(doc, a["location"])
        if a["status"] == 201 and not a["location"] or a["location"] and "Location" not in answer.get("headers", {}):
            fail(a["method"], a["path"], status, "has the Location", a["location"] or "of nothing")
        if a["status"] < 300:
            done.add((a["method"].lower(), pattern))
    left = {(m, p) for m, p, _ in operations(doc)} - done
    if left:
        fail("never done:", *sorted(f"{m} {p}" for m, p in left))


if __name__ == "__main__":
    what, document = sys.argv[1], json.load(open(sys.argv[2]))
    {"check": check, "matrix": matrix, "judge": judge, "answers": answers}[what](document, *sys.argv[3:])
