#!/usr/bin/env python3
"""check_pages TREE TABLES - links in the documents that lead to no heading, and options that a command does not have.

TABLES is what `inro help --dump-tables` prints.  Whether a linked file is there, and whether a command that a page names
is one, test_docs.sh looks itself.
"""
import json
import os
import re
import sys

EVERYWHERE = {"home", "tenant", "as", "password-source", "json", "help", "version"}


def pages(tree):
    for folder, inner, names in os.walk(tree):
        inner[:] = [d for d in inner if d not in ("build", ".git")]
        for name in names:
            if name.endswith(".md"):
                yield os.path.join(folder, name)


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found, code, times = set(), False, {}
    for line in text.split("\n"):
        if line.startswith("```"):
            code = not code
        heading = re.match(r"#+ (.*)", line)
        if not heading or code:
            continue
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        n = times.get(anchor, 0)
        times[anchor] = n + 1
        found.add(f"{anchor}-{n}" if n else anchor)
    return found


def broken_links(path, text, of_page):
    for file, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text):
        if file.startswith("http"):
            continue
        target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if target in of_page and anchor not in of_page[target]:
            yield f"{path}: no heading for {file}#{anchor}"


def wrong_options(path, text, options):
    lines = re.sub(r"\\\n\s*", " ", text).split("\n")
    for line in lines:
        for noun, words, rest in re.findall(
                r"\binro (?:--?\S+ \S+ )*([a-z]+) ([a-z-]+(?: [a-z]+)?)([^`|;&>]*)", line):
            verb = words if (noun, words) in options else words.split()[0]
            for option in re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*)", rest):
                if (noun, verb) in options and option not in options[noun, verb] | EVERYWHERE:
                    yield f"{path}: inro {noun} {verb} has no --{option}"


def main():
    tree, tables = sys.argv[1:]
    with open(tables, encoding="utf-8") as f:
        options = {(noun["noun"], verb["verb"]): {o[key] for o in verb["options"] for key in ("name", "also")}
                   for noun in json.load(f) for verb in noun["verbs"]}
    texts = {}
    for path in pages(tree):
        with open(path, encoding="utf-8") as f:
            texts[path] = f.read()
    of_page = {path: anchors(text) for path, text in texts.items()}
    wrong = [line for path, text in texts.items()
             for line in (*broken_links(path, text, of_page), *wrong_options(path, text, options))]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong or len(texts) < 50 else 0


sys.exit(main())
