"""Style sheets without the rules that no page can use: of the theme's and Bootstrap's, three quarters."""

import tinycss2

NESTED = ("media", "supports")


def cut(css, words):
    """The rules whose every class and id is among these words, one a line; all of those that ask for neither."""
    return _cut(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), words)


def _cut(rules, words):
    kept = []
    for rule in rules:
        if rule.type == "error":
            raise ValueError(f"a style sheet cannot be read: line {rule.source_line}: {rule.message}")
        if rule.type == "qualified-rule":
            if selectors := [part for part in _split(rule.prelude) if _can_match(part, words)]:
                heads = ",".join(tinycss2.serialize(part).strip() for part in selectors)
                kept.append(f"{heads}{{{_body(rule)}}}\n")
        elif rule.lower_at_keyword in NESTED:
            inner = _cut(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True), words)
            if inner:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{\n{inner}}}\n")
        elif rule.lower_at_keyword != "charset":
            kept.append(f"{rule.serialize()}\n")
    return "".join(kept)


def _split(prelude):
    """The selectors of a rule: its tokens between commas, less comments."""
    parts = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        elif token.type != "comment":
            parts[-1].append(token)
    return parts


def _can_match(selector, words):
    """Whether the page may hold what a selector asks for; what stands in brackets, as in :not(…), is not asked."""
    for before, token in zip([None, *selector], selector, strict=False):
        named = token.type == "hash" or (token.type == "ident" and before == ".")
        if named and token.value not in words:
            return False
    return True


def _body(rule):
    return tinycss2.serialize([token for token in rule.content if token.type != "comment"]).strip()
