/// Browsers, apps and libraries that uap-core does not know or confuses with others: the
/// expression, and the name if it is not the first group.
pub(crate) const BROWSERS: &[(&str, Option<&str>)] = &[
    // uap-core reads WebKit without Safari's name as Apple's mail program.
    (
        r"\(PlayStation \d[^)]*\) AppleWebKit/\S+ \(KHTML, like Gecko\)$",
        Some("Other"),
    ),
    (r"\b(Cobalt)/(\d+)(?:\.(\d+)|)", None),
    (r"(Indy Library)", None),
    (
        r"\b(Focus|Klar)/(\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("Firefox Focus"),
    ),
    // uap-core asks for a minor version, which Firefox for iOS leaves out where it is 0.
    (
        r"(FxiOS)/(\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("Firefox iOS"),
    ),
    (r"(Wolvic)/(\d+)\.(\d+)(?:\.(\d+)|)", None),
    (
        r"(PicoBrowser)/(\d+)\.(\d+)(?:\.(\d+)|)",
        Some("Pico Browser"),
    ),
    (
        r"(HuaweiBrowser)/(\d+)\.(\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("Huawei Browser"),
    ),
    // OpenHarmony's web view.
    (r"(ArkWeb)/(\d+)\.(\d+)(?:\.(\d+)|)", None),
    // Apps of which uap-core sees only the web view or the engine that they run in.
    (
        r"\[(LinkedInApp)\](?:/(\d+)\.(\d+)(?:\.(\d+)|)|)",
        Some("LinkedIn"),
    ),
    (r"(MetaIAB) Facebook\b", Some("Facebook")),
    (r"(MetaIAB) Instagram\b", Some("Instagram")),
    (
        r"(KAKAOTALK) (?:(\d+)\.(\d+)(?:\.(\d+)|)|)",
        Some("KakaoTalk"),
    ),
    (r"([Ww]x[Ww]ork)/(\d+)\.(\d+)(?:\.(\d+)|)", Some("WeCom")),
    (
        r"(MicroMessenger)/(\d+)\.(\d+)(?:\.(\d+)|)",
        Some("WeChat Browser"),
    ),
    (r"\b([Dd]iscord)/(\d+)\.(\d+)(?:\.(\d+)|)", Some("Discord")),
    // Electron puts the app's name before Chromium's.
    (
        r"\) ([A-Za-z][\w.\- ]*)/(\d+)\.(\d+)(?:\.(\d+)|)\S* Chrome/\S+ Electron/",
        None,
    ),
    (r"\) Chrome/\S+ (Electron)/(\d+)\.(\d+)\.(\d+)", None),
    (r"^(Dalvik)/(\d+)\.(\d+)\.(\d+) \([^)]*\)$", None),
    (r"^(UnityPlayer)/(\d+)\.(\d+)\.(\d+)", Some("Unity")),
    // The library's version, not that of Python.
    (
        r"^Python/\S+ (websockets|aiohttp)/(\d+)\.(\d+)(?:\.(\d+)|)",
        Some("Python $1"),
    ),
    (r" (PowerShell)/(\d+)\.(\d+)(?:\.(\d+)|)", None),
];

/// Forms of browsers that are in no list: those built on others, and the first ones.
pub(crate) const BROWSER_FORMS: &[(&str, Option<&str>)] = &[
    // Parts of a device or an app that the next rule would read as browsers.
    (
        r"InettvBrowser/|SonyCEBrowser/|ManagedBrowser/|InAppBrowser/",
        Some("Other"),
    ),
    (
        r"\b([A-Z]\w+Browser)/v?(\d+)(?:\.(\d+)|)(?:\.(\d+)|)(?:\.(\d+)|)",
        None,
    ),
    // Those that came later say 5.0, or that they are compatible with it.
    (
        r"^(Mozilla)/([1-4])\.(\d+)\S* (?:\[[^\]]*\] ?|)\((?:X11|Macintosh|Win|OS/2|B[Ee]OS)",
        Some("Netscape"),
    ),
    (
        r"^(Mozilla)/5\.0 \([^)]*rv:(\d+)\.(\d+)[^)]*\) Gecko/\d+$",
        None,
    ),
];
