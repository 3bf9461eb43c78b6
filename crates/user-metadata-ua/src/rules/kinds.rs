use crate::ClientKind::{self, App, Browser, Library};

/// The kind of program that sends a User-Agent. What no rule matches is a browser if it has a
/// browser's form.
pub(crate) const KINDS: &[(&str, ClientKind)] = &[
    // The whole User-Agent is the library's: a browser or bot that only names one does not match.
    (
        r"(?xi)
            ^(?:curl|libcurl(?:-agent)?|pycurl|wget2?|aria2|httpie|insomnia|postmanruntime|k6
            |artillery|apache-httpclient|apache-httpasyncclient|jakarta\ commons-httpclient
            |okhttp|java|java-http-client|google-http-java-client|ktor-client|reactornetty|jetty
            |jersey|twisted\ pagegetter|vert\.x|grpc-[a-z-]+|unirest-\w+|go-http-client|go-resty
            |fasthttp|axios|node|node-fetch|undici|got|superagent|bun|deno|ws|dart
            |python-requests|python-urllib|python-httpx|httpx|websockets|websocket-client
            |aiohttp|urllib3|guzzlehttp|php|http_request2|symfony\ httpclient|ruby|rest-client
            |faraday|http\.rb|typhoeus|libwww-perl|lwp::simple|lwp-trivial|restsharp
            |microsoft\ signalr|powershell|winhttp|\w*-?tungstenite|websocket-sharp|starscream
            |socketrocket|java-websocket|boost\.beast|websocket\+\+|libwebsockets|ixwebsocket
            |cpp-httplib|cpr|reqwest|hyper|ureq|isahc|hackney|mint|http-kit|clj-http
            |nim\ httpclient|lua-resty-http|ahc|adyen\ httpclient|akka-http|amphp/http-client
            |anyevent(?:-http)?|commons-httpclient|davclnt|embarcadero\ uri\ client|fetch\ libfetch
            |grequests|guzzle|gvfs|http_request|httpunit|lwp-(?:download|request|rget)|mechanize
            |microsoft-(?:cryptoapi|webdav-miniredir)|node-(?:superagent|urllib)|pecl::http
            |php-(?:curl-class|requests|soap)|poe-component-client-http|python-(?:httplib2|xmlrpc)
            |quic-go(?:-http)?|restify|snoopy|spray-can|symfony2?\ browserkit
            |winhttp(?:-autoproxy-service|request)?|www(?:-|::)mechanize|xml-rpc\ for\ php
            |zend_http_client)(?:[/\ (;,]|$)",
        Library,
    ),
    (
        r"Indy Library|^Go \d\.\d package http|\bhttp_get\b",
        Library,
    ),
    (
        r"^Python/\S+ (?:websockets|aiohttp)/|PowerShell/|\blibwww-perl/",
        Library,
    ),
    // Web views: Android's says `wv`; on iOS only Safari says both Version and Safari, and other
    // browsers say Safari.
    (
        r"(?x)
            ;\ wv\)|\bFB(?:AN|AV|_IAB)\b|MetaIAB|\bInstagram\b|\bBarcelona\ \d|\bSnapchat[/\ ]
            |\bPinterest/|LinkedInApp|Twitter\ for|TwitterAndroid|MicroMessenger/|[Ww]xWork
            |musical_ly|BytedanceWebview|trill_|\bLine/\d|KAKAOTALK|Telegram-Android|\bGSA/
            |GoogleApp/|WhatsApp/|\bViber\b|AliApp|DingTalk|\bQQ/\d|Weibo|baiduboxapp|Discord/
            |Slack/|Slack_SSB|Teams/\d",
        App,
    ),
    (
        r"(?x)
            \bElectron/|\bnw\.js|Tauri|CFNetwork/|^Dalvik/|^UnityPlayer/|UnrealEngine|AdobeAIR
            |Valve\ Steam|Spotify|\bOutlook\b|Thunderbird/|Lightning/|CitizenFX|VLC
            |AppleCoreMedia|stagefright|ExoPlayer|Lavf/",
        App,
    ),
    (
        r"(?x)
            ^(?:Mozilla|Opera|BlackBerry|Nokia|SAMSUNG|SonyEricsson|SEC-|LG|MOT|UCWEB|JUC
            |DoCoMo|KDDI|SoftBank|Vodafone|J-PHONE|HTC|ZTE|Huawei|Lynx|w3m|E?[Ll]inks|Dillo
            |NetSurf|SkipStone|OffByOne)",
        Browser,
    ),
];

/// The same, if nothing is known by name.
pub(crate) const GUESSED_KINDS: &[(&str, ClientKind)] = &[
    // An app's own User-Agent: `Name/1.2 (iPhone; iOS 18.1; …)`.
    (
        r"(?i)^[^/(]+/\S+ .*\b(?:iOS|iPhone|iPad|iPadOS|Android|Darwin|macOS|watchOS|tvOS|visionOS|win(?:dows|10|32|64))\b",
        App,
    ),
];
