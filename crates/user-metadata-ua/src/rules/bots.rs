/// Bots that uap-core does not recognize, or whose names it gets wrong: the expression, and the
/// name if it is not the first group.
pub(crate) const NAMED_BOTS: &[(&str, Option<&str>)] = &[
    // These pretend to be apps, in which words for bots are ignored.
    (r"\b(PTST)[/ ]", Some("WebPageTest.org bot")),
    (r"(wkhtmlto(?:image|pdf))\b", None),
    (r"(BrandVerity|PingdomTMS)/(\d+)(?:\.(\d+)|)", None),
    (
        r"(HeadlessChrome|PhantomJS|SlimerJS)(?:/(\d+)(?:\.(\d+)|)(?:\.(\d+)|)|)",
        None,
    ),
    (
        r"(Chrome-Lighthouse|Selenium|Playwright|Puppeteer|Cypress)(?:/(\d+)(?:\.(\d+)|)|)",
        None,
    ),
    (
        r"(?x)
            (Google\ Web\ Preview|Mediapartners-Google|Google-PageRenderer|Google-Read-Aloud
            |Google-Site-Verification|Google-Safety|[Ff]eed[Ff]etcher-Google|APIs-Google
            |GoogleOther(?:-Image|-Video)?|DuplexWeb-Google|Google-CloudVertexBot
            |Google-PhysicalWeb|Google-Certificates-Bridge|GoogleAssociationService
            |Google\ Page\ ?Speed\ Insights|Google\ Search\ Console)(?:/(\d+)\.(\d+)|)",
        None,
    ),
    (
        r"(?x)
            \b(SkypeUriPreview|MicrosoftPreview|facebookcatalog|Slack-ImgProxy|Iframely|Embedly
            |meta-external(?:agent|fetcher|ads)|Quora\ Link\ Preview
            |Snap\ URL\ Preview\ Service|Disqus)(?:[/\ ](\d+)\.(\d+)|)",
        None,
    ),
    // WhatsApp's own requests name a device, those for previews don't.
    (r"^(WhatsApp)/(\d+)\.(\d+)(?:\.(\d+)|)\S*[ /]\w$", None),
    (
        r"(?x)
            \b((?:ChatGPT|Perplexity|Claude|Manus|MistralAI|Gemini|Amzn)-User|OAI-SearchBot
            |anthropic-ai|cohere-ai|FirecrawlAgent)(?:/(\d+)\.(\d+)|)",
        None,
    ),
    (
        r"(?x)
            \b(Cloud[Ff]lare-?[A-Z][A-Za-z]+|Amazon\ CloudFront|Uptime-Kuma|NetcraftSurveyAgent
            |GTmetrix|Site24x7|Catchpoint|check_http|Zabbix|Datadog|kube-probe|ELB-HealthChecker
            |GoogleHC|[Pp]rometheus|Ghost\ Inspector)(?:/v?(\d+)\.(\d+)|)",
        None,
    ),
    (
        r"(?x)
            \b(Tiny\ Tiny\ RSS|NewsBlur|Feedbin|Feedspot|inoreader|theoldreader|Miniflux
            |FreshRSS|Next[Cc]loud-News|MagpieRSS|SimplePie|newspaper)\b(?:/(\d+)\.(\d+)|)",
        None,
    ),
    (
        r"(?x)
            \b(Scrapy|colly|HTTrack|WebCopier|SiteSucker|Nikto|Nmap|masscan|zgrab|sqlmap|WPScan
            |Nuclei)\b(?:[/\ ]v?(\d+)\.(\d+)|)",
        None,
    ),
];

/// Forms of bots that are in no list. An empty name means that it is not a bot, whatever later
/// rules match.
pub(crate) const BOT_FORMS: &[(&str, Option<&str>)] = &[
    // Words for what they do.
    (
        r"(?xi)
            \b([\w.-]*(?:crawler|spider|scraper|archiver|indexer|fetcher|validator|linkcheck
            |checker|scanner|monitoring|prefetch|uptime|healthcheck|webhook|pingdom
            |synthetic)[\w.-]*)(?:/v?(\d+)(?:\.(\d+)|)|)",
        None,
    ),
    // A maker of phones, and a German word for an offer.
    (r"(?i)\b(?:cubot|angebot)", Some("")),
    // What only a vulnerability scanner sends.
    (
        r"(?i)<script|\$\{jndi:|\bunion\b.*\bselect\b|select\s*\(|\bpg_sleep\(|/etc/passwd|load_file\(|\bburpcollaborator\b|\(\)\s*\{",
        Some("Scanner"),
    ),
    (
        r"\b([A-Z][\w.-]*-Agent)(?:/v?(\d+)(?:\.(\d+)|)|)(?:[ ;,(]|$)",
        None,
    ),
    (r"\b([A-Za-z][\w-]*[Bb]ot)\b(?:/v?(\d+)(?:\.(\d+)|)|)", None),
    // A contact address…
    (
        r"(?x)
            ([A-Za-z][\w!'.-]*(?:\ [A-Z][\w!'.-]*)*)
            (?:/v?(\d+)(?:\.(\d+)|)(?:\.(\d+)|)\S*?|)
            [;,]?\ *\(?\+\ ?(?:https?://|www\.)",
        None,
    ),
    (
        r"(?x)
            (?:Chrome|Safari|Firefox)/.*\ ([A-Za-z][\w.-]*)
            (?:/v?(\d+)(?:\.(\d+)|)|)
            \S*\ \(?\+?https?://",
        None,
    ),
    (
        r"([A-Za-z][\w!'.-]*)(?:/v?(\d+)(?:\.(\d+)|)(?:\.(\d+)|)\S*?|)[;,]? \(?\+(?:[a-z\d-]+\.)+[a-z]{2,}\b",
        None,
    ),
    (
        r"like Gecko; compatible;? \+?([A-Za-z][\w.-]*)(?:/v?(\d+)(?:\.(\d+)|)|)",
        None,
    ),
    // …but old browsers have addresses that their owners added.
    (r"\(compatible; (?:MSIE|Konqueror)", Some("")),
    (
        r"(?x)
            \(compatible;\ ([A-Za-z][\w!'.\ -]*?)
            (?:/(\d+)(?:\.(\d+)|)(?:\.(\d+)|)\S*?|)
            [;,]?\ .*(?:https?://|www\.|@)",
        None,
    ),
    (r"^(?:Mozilla|Opera)/", Some("")),
    (
        r"(?x)
            ^([A-Za-z][\w!:'.-]*)
            (?:/v?(\d+)(?:\.(\d+)|)(?:\.(\d+)|)\S*|)
            .*(?:https?://|[(\ ]www\.|\S@\S+\.)",
        None,
    ),
];
