"""Heads that look like those of small uploads, and are none, or might be.

Belongs here: the spellings. Not here: what is to come of them.
"""

from collections.abc import Iterator

from tusd_py.server.small_request import OWN

NUMBERS = (
    *("", "0", "5", "+100", "-5", "-0", "00100", "1_00", "0x64", "1e2", "100.0", "1 00", "100,100", "100;"),
    *('"100"', "0" * 300 + "100", "\t100", "100\t", "\v100", "100\f", "100\0", "\x7f100", "\xa0100", "\xb2"),
)
LARGE_NUMBERS = (str(2**63 - 1), str(2**63), "9" * 40)
"""A body so long is waited for."""
TEXTS = (
    *("", "x", "a b", "a  b", ",", "a,b", "a, b", "a =", "a ====", "a\0", "a\x7f", "\va", "f\xe9 dGVzdA=="),
    *("a dGVzdA", "a dGVzdA==", "a dGVz dA==", "a dGVzdA==,a dGVzdA==", "a dGVzdA== , b", "a\tdGVzdA=="),
    *("a dGVz\vdA==", "path Lw==", "path Li4v", "filename Lw==", "a " + "dGVz" * 500),
    *("sha1", "sha1 AAAA", "SHA1 AAAA", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "nohash AAAA"),
    *("x" * 3000, "x" * 5000, "x" * 9000),
)
LINES = (
    *("{name}", "{name}:", "{name}:{value}", "{name}:   {value}  ", "{name} : {value}", "{name}\t: {value}"),
    *(" {name}: {value}", "\t{name}: {value}", "{name}\0: {value}", "{name}; {value}", "{under}: {value}"),
    *("{upper}: {value}", "{lower}: {value}", "{swapped}: {value}", ": {value}", ""),
    *("{name}:\r\n {value}", "{name}: {value}\r\n folded", "{name}: {value}\r\n\tfolded"),
    *("X-Other: x\r\n {value}", "{name}: {value}\r\n{name}", "{name}: {value}\r\n{name}: {value}"),
    *("{name}: {value}\r\n{lower}: {value}", "{name}: {value}\n{lower}: 7", "{name}: {value}\nX-Other: x"),
    *("{name}: {value}\r", "{name}: {value}\rX-Other: x"),
)
FIRST_LINES = (
    *("{lower} {target} HTTP/1.1", "{title} {target} HTTP/1.1", "PUT {target} HTTP/1.1"),
    *("{method} {target} HTTP/1.0", "{method} {target} HTTP/1.2", "{method} {target} HTTP/2.0"),
    *("{method} {target} http/1.1", "{method} {target}", "{method}  {target} HTTP/1.1"),
    *("{method}\t{target} HTTP/1.1", "{method} {target} HTTP/1.1 ", " {method} {target} HTTP/1.1"),
    *("{method} http://localhost{target} HTTP/1.1", "{method} http://other{target} HTTP/1.1"),
    *("{method} //other{target} HTTP/1.1", "{method} * HTTP/1.1", "{method} localhost:80 HTTP/1.1"),
    *("{method} {target}? HTTP/1.1", "{method} {target}?a=b HTTP/1.1", "{method} {target}# HTTP/1.1"),
    *("{method} {target}#a HTTP/1.1", "{method} {target};a HTTP/1.1", "{method} {target}%20 HTTP/1.1"),
    *("{method} {encoded} HTTP/1.1", "{method} /.{target} HTTP/1.1", "{method} /a/..{target} HTTP/1.1"),
    *("{method} /{target} HTTP/1.1", "{method} {target}. HTTP/1.1", "{method} {target}/ HTTP/1.1"),
    *("{method} {bare} HTTP/1.1", "{method} {raised} HTTP/1.1", "{method} /files/../api/v1/ticket HTTP/1.1"),
)


def spelled_oddly(request: bytes) -> Iterator[bytes]:
    """`request` with one line in each way that a reader may take or not, or take for something else."""
    head, body = request.split(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    told = {name.lower(): (name, value) for name, value in (line.split(": ") for line in lines)}

    def made(changed: str, *, instead_of: str = "") -> bytes:
        others = [f"{name}: {value}" for key, (name, value) in told.items() if key != instead_of]
        whole = [first, *others, changed] if instead_of else [changed, *others]
        return "\r\n".join(whole).encode("latin-1") + b"\r\n\r\n" + body

    for key in sorted(OWN):
        for value in _values_of(key):
            yield made(f"{key.title()}: {value}", instead_of=key)
    for key in (*sorted(OWN), "host", "tus-resumable"):
        name, value = told.get(key, (key.title(), "0"))
        spellings = {"lower": key, "upper": key.upper(), "swapped": name.swapcase()}
        for line in LINES:
            odd = line.format(name=name, value=value, under=name.replace("-", "_"), **spellings)
            yield made(odd, instead_of=key)
    for line in FIRST_LINES:
        targets = {
            "bare": target.rstrip("/"),
            "raised": target.upper(),
            "encoded": target.replace("l", "%6c"),
        }
        yield made(
            line.format(method=method, lower=method.lower(), title=method.title(), target=target, **targets)
        )


def _values_of(name: str) -> tuple[str, ...]:
    if name == "content-length":
        return NUMBERS
    return (*NUMBERS, *LARGE_NUMBERS) if name in ("upload-length", "upload-offset") else TEXTS
