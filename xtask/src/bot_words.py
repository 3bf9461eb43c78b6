"""Adds the words of crawler-user-agents to the table of bots that user-metadata-ua embeds.

    python3 bot_words.py WHEEL TABLE

WHEEL is that of crawler-user-agents; TABLE is data/tables/bots.tsv, whose rows stay as they are.
Prints how many words were added.
"""

import json
import pathlib
import re
import sys
import zipfile

# Words that are in the User-Agents of people, too, or that name a program which people use…
PEOPLE = """
AP3A.240617.008 AddThis Asana Bluesky Butterfly Charlotte Code/ Daum/ Devin Fetch Fever Fluid
Friendica Goodreads GoogleDocs Grammarly Grover HubSpot IFTTT LCC/ Lemmy Magellan MailChimp MainWP
Make/ Mastodon NING/ NewsBlur NextCloud Nitro Notion Operator Overcast PayPal Protopage RED/
Readable Retool Silk/ Sogou Sonic Spectate Splunk Stripe Synapse TSM-turingos Trove Tumblr Turnitin
Tweakers Verity Viber Webflow WhatsApp Zapier
"""
# …and libraries, which are not bots.
LIBRARIES = """
AHC/ AnyEvent Apache-HttpClient Go-http-client HTTPie MetaInspector PHP-Curl-Class Pcore-HTTP
Python-urllib SimplePie Snacktory aiohttp axios curl/ http_get httpunit httpx libwww-perl
lwp-trivial node-fetch okhttp python-opengraph python-requests
"""
# Words for any bot, which are recognized by their form: as names they are useless.
GENERIC = """
Crawl Crawler Robot Robots Spider Webbot WebCrawler UserAgent
"""
KEPT_OUT = {word.lower() for word in (PEOPLE + LIBRARIES + GENERIC).split()} | {
    "metaiab facebook",
    "indy library",
    "sindresorhus/got",
    "developers.google.com/+/web/snippet",
    "mail.ru_bot/fast",
    "pinterest.com/bot",
    "yandex.com/bots",
}


def word(pattern):
    """The word that a pattern searches for; nothing if it is more than a word."""
    text = re.sub(r"\\([/.()+ !-])", r"\1", pattern.removeprefix("^")).replace("[ ]", " ")
    if not re.fullmatch(r"[A-Za-z0-9][\w .!&'+/:-]{2,39}", text) or "://" in text:
        return None
    text = re.sub(r"(?:/\d[\d.]*|/v|/|[ ;:,-])+$", "", text)
    # A short word is only significant with a version.
    return text if len(text) >= 5 else text + "/"


def main(wheel, table):
    with zipfile.ZipFile(wheel) as files:
        bots = json.loads(files.read("crawleruseragents/crawler-user-agents.json"))
    if len(bots) < 1000:
        sys.exit(f"only {len(bots)} bots")
    path = pathlib.Path(table)
    rows = dict(line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    before = len(rows)
    for bot in bots:
        found = word(bot["pattern"])
        if found and found.isascii() and found.lower() not in KEPT_OUT:
            rows.setdefault(found.lower(), found.rstrip("/"))
    lines = (f"{key}\t{name}\n" for key, name in sorted(rows.items()))
    path.write_text("".join(lines), encoding="utf-8")
    print(len(rows) - before)


main(*sys.argv[1:])
