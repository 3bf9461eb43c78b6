use crate::DeviceType::{self, Car, Console, Mobile, Tablet, Tv, Wearable, Xr};

/// The class of a device by words of the User-Agent. What no rule matches is classified by its
/// operating system.
pub(crate) const DEVICES: &[(&str, DeviceType)] = &[
    // The models for which Puffin's and Silk's servers send requests.
    (r"Puffin/[\d.]+[AI]P\b", Mobile),
    (r"Puffin/[\d.]+[AIW]T\b", Tablet),
    (
        r"(?x)
            PlayStation\ (?:\d|Vita|Portable)|PLAYSTATION|Playstation|PS[345]Application
            |\bXbox\b|\bXBOX|Nintendo|Steam\ ?Deck|Valve\ Steam\ Gamepad|\bOUYA\b|Dreamcast
            |DreamPassport|DreamKey|\(PS[2345][;)]|Category=GAME|SEGASATURN|Planetweb|\bNitro\)\ Opera|\b_GAME_",
        Console,
    ),
    (
        r"(?x)
            OculusBrowser|[;\ ]Quest(?:\ \w+)*[;)]|\bPico(?:\ Neo|\ 4|\ G2)|PICO\ \w+\ Build
            |PicoBrowser|Wolvic/|VRBrowser|\bMobile\ VR\ |visionOS|HoloLens|\bVIVE\ Focus",
        Xr,
    ),
    (
        r"(?x)
            QtCarBrowser|\bTesla/|Automotive|\bPolestar\b|CarBrowser|\(VCC;|;\ CarPad",
        Car,
    ),
    (
        r"(?x)
            watchOS|Apple\ Watch|\bWatch\d+,\d+\b|\bSM-[RL][789]\d\d|Galaxy\ Watch|\bWear\ OS\b
            |Android\ Wear|\bWIB/\d|SmartWatch\(|\bG\ Watch",
        Wearable,
    ),
    // TVs and set-top boxes, by the words of standards and makers…
    (
        r"(?xi)
            smart-?tv|google\ ?tv|android\ ?tv|apple\ ?tv|\btvos\b|hbbtv|ce-html|netcast
            |inettvbrowser|large\ screen|\bnettv\b|smarthub|opera\ tv\ store",
        Tv,
    ),
    // (A phone whose model has the word DTV has Build after it.)
    (
        r"(?x)
            Web0S|webOS\.TV|\bBRAVIA\b|VIDAA|\bViera\b|\bVIERA\b|\bRoku|CrKey|\bMiTV|MiBOX
            |MIBOX|\bMi\ Box|TV\ Box|SHIELD\ Android|\bSTB\b|Freebox|Maple_\d|\bMaple\d
            |Maple\ \d|KreaTV|OMI/\d|SonyBDP|SonyDTV|_(?:TV|ATV|STB|OTT|BDP)_|sraf_tv|OpenTV
            |NetBox|\bNDS_|Espial|DuneHD|Boxee|\bMAG\d{3}\b|LG\ Browser/|Panasonic.*[Tt]v
            |Model/(?:Sony|Hisense|Vestel)|PhilipsTV|\bSRAF/|\bDTV\b[^B]*(?:NetFront|InettvBrowser|\))
            |WebTV/|Google\ Fiber|,\ ?(?:wired|wireless|Wired)\)|NETTV|AmlogicTV|\bOdin/\d|mbxtWebKit|\bLinux\ (?:mips|sh4)\b|AQUOSBrowser|TOSHIBA-DTV|\bTSBNetTV",
        Tv,
    ),
    (r"\bTizen\b.*\bTV\b|\bTV\b.*(?:Safari|Build)|\(TV;", Tv),
    // …and Amazon's sticks by model.
    (r"\bAFT[A-Z0-9]{1,8}\b", Tv),
    // Readers and tablets that say so, and those that say Mobile, by model.
    (
        r"(?x)
            \biPad\b|\bTablet[;)\ ](?:[^P]|$)|RIM\ Tablet|PlayBook|\bKindle\b|Silk-Accelerated
            |hp-tablet|Touch[Pp]ad/|PocketBook/|Kobo\ (?:eReader|Touch)|\bNook\b|\bNOOK\b
            |Iriver\ ;|tolino|TOLINO|\bSony\ PRS|EBRD\d|Bookeen|Cybook",
        Tablet,
    ),
    // A Fire tablet that asks for desktop pages.
    (r"(?:X11|Macintosh).*\bSilk/\d", Tablet),
    (
        r"(?x)
            \bKF[A-Z]{2,6}\b|\bNexus\ (?:7|9|10)\b|\bPixel\ (?:C|Tablet)\b|\bSM-[TXP]\d{3}
            |\bGT-P\d{4}|\bGT-N(?:51|80)\d\d|Galaxy\ Tab",
        Tablet,
    ),
    (
        r"(?x)
            Lenovo\ ?(?:TB|Tab|YT|YOGA|B\d{4}|A[2357]\d00|S\d{4}[A-Z]?-?[FHL]\b)
            |\bTB-?[X\d]\w{3}|\bTB\d{3}[A-Z]{2}|\bY[oO][gG][aA]\ Tab|MediaPad|MatePad
            |\b(?:Xiaomi|Redmi|OnePlus|realme|HONOR|vivo|OPPO|POCO|Moto|moto|Infinix|TECNO)
            \ (?:[TX]?Pad|Tab)\b|\bOPD\d{4}|\bRMP\d{4}|;\ MI\ PAD|;\ PAD\ ",
        Tablet,
    ),
    (
        r"(?x)
            \b(?:AGS|BAH|SCM|MRX|DBY|BTK|AGR|KOB|JDN|CMR|VRD|BTV)\w?-[WALT]\d\d
            |\bTab\ [A-Z]?\d+\b|\biPlay\ ?\d+|\bXoom\b|Transformer\ (?:TF|Prime|Pad)
            |(?i:;\ [^;)]*[\ \d]tab(?:let)?[\ \d_-][^;)]*(?:Build|\)))",
        Tablet,
    ),
    // Phones whose systems have no name.
    (
        r"(?x)
            UCWEB|J2ME|\bMIDP|\bCLDC\b|\bUP\.Browser|\bup\.Browser|UP\.Link|\bMMP/\d|\bMIB/\d
            |\bMIB\d|Obigo|\bMAUI\b|\bMaui\b|jig\ browser|J-PHONE/|KDDI-|SoftBank/
            |Vodafone/|WILLCOM|DDIPOCKET|\bPDA;|OSRE/\d|Teleca|POLARIS|Polaris|Dolfin/|SEMC-
            |MQQBrowser/Mini|(?i:wap[\ _-]?browser)|MstarBrowser|Aphone\ Browser|\bUP/\d|STNC-WTL|EPOC32
            |Palmscape|PalmPilot|\bPsion\b|sharp\ (?:pda|wd)\ browser|Screen-\d|/powerplay/
            |BrowserInfo\ Screen|\bBrowser/NF|NF-Browser|S40OviBrowser
            |(?i:nokia|docomo)|Ericsson|\bS[CG]H-|MMEF|emobile/|\bAU/\d|Novarra|IEMobile|WPDesktop
            |Opera\ Mini|Opera\ Mobi",
        Mobile,
    ),
];
