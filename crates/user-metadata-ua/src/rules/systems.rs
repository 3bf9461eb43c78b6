/// Operating systems that uap-core gets wrong: the expression and the name. The first group is not
/// used, the further ones are the version.
pub(crate) const SYSTEMS: &[(&str, Option<&str>)] = &[
    // Apps state the true version if that of the web view is frozen.
    (
        r"(FBSN)/iOS;FBSV/(\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("iOS"),
    ),
    (
        r"(FB4A);.*FBSV/(\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("Android"),
    ),
    (
        r"(?x)
            (Instagram|Barcelona)\ [\d.]+\ \(i(?:Phone|Pad|Pod)[\d,]*;
            \ (?:iOS|iPadOS)\ (\d+)[._](\d+)(?:[._](\d+)|)",
        Some("iOS"),
    ),
    // An iPad that asks for desktop pages: no browser for macOS has these names.
    (
        r"(Macintosh); .*(?:CriOS|FxiOS|EdgiOS|OPiOS|OPT|GSA)/\d",
        Some("iPadOS"),
    ),
    // Puffin's servers render on Linux; its version ends with the device's system.
    (r"X11;.*(Puffin)/[\d.]+A[TP]\b", Some("Android")),
    (r"X11;.*(Puffin)/[\d.]+I[TP]\b", Some("iOS")),
    (r"X11;.*(Puffin)/[\d.]+W[DTP]\b", Some("Windows")),
    (r"X11;.*(Puffin)/[\d.]+MD\b", Some("macOS")),
    // UC Browser's own form.
    (
        r"^UCWEB/.*; (Adr) (\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("Android"),
    ),
    (r"^(UCWEB)/\S+ \(Linux;", Some("Android")),
    // uap-core reads it as the Chromecast from before it ran Android.
    (
        r"(Android) (\d+)(?:\.(\d+)|)(?:\.(\d+)|);.*CrKey",
        Some("Android"),
    ),
    (
        r"linux; (?:u; )?(android) (\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("Android"),
    ),
    // Samsung's browser that asks for desktop pages.
    (r"X11; Linux.*(SamsungBrowser)/", Some("Android")),
    // TVs hide it from pages that know only Android phones.
    (r"(Andr0id) (\d+)(?:\.(\d+)|)", Some("Android")),
    (
        r"(OpenHarmony) (\d+)\.(\d+)(?:\.(\d+)|)",
        Some("OpenHarmony"),
    ),
    (r"(HarmonyOS)[;)]", Some("HarmonyOS")),
    (
        r"(YunOS|AliyunO[Ss])[/ ](\d+)\.(\d+)(?:\.(\d+)|)",
        Some("YunOS"),
    ),
    (r"(YunOS|AliyunO[Ss])\b", Some("YunOS")),
    (r"(Ubuntu) (\d+)\.(\d+) like Android", Some("Ubuntu Touch")),
    (
        r"(Sailfish)(?: OS|)(?:[ /](\d+)(?:\.(\d+)|)|)",
        Some("Sailfish"),
    ),
    // A phone that asks for desktop pages.
    (
        r"Windows NT 6\.[23];.*Trident/7\.0;.*(WPDesktop)",
        Some("Windows Phone"),
    ),
    (r"(WPDesktop)", Some("Windows Phone")),
    // Older phones.
    (
        r"^(HTC|SAMSUNG|SonyEricsson|Acer|LG)[-_].*Opera.*Windows NT",
        Some("Windows Mobile"),
    ),
    (
        r"(Microsoft Windows; PPC); Opera Mobi",
        Some("Windows Mobile"),
    ),
    (r"(PalmSource|PalmOS|Palm OS)", Some("Palm OS")),
    // An app on a Mac; iPhones and iPads have no processor of this kind.
    (
        r"CFNetwork/\S+ (Darwin)/(?:1[7-9]|2\d)\S* \((?:x86_64|i386)",
        Some("macOS"),
    ),
    (
        r"(visionOS)[/ ](\d+)[._](\d+)(?:[._](\d+)|)",
        Some("visionOS"),
    ),
    (r"\b(VIDAA)/(\d+)\.(\d+)", Some("VIDAA")),
    (r"(Nintendo) (Switch|WiiU|Wii|3DS|DSi?)\b", Some("Nintendo")),
    (
        r"(?i)(PlayStation) ?(\d|Portable|Vita)(?:[ ;)./]|$)",
        Some("PlayStation"),
    ),
    (r"; (Xbox(?: One| Series X|))\)", Some("Xbox")),
    (r"(Fuchsia)\)", Some("Fuchsia")),
    (r"(MorphOS)(?:[ /](\d+)\.(\d+)|)", Some("MorphOS")),
    (r"\b(AROS)\b", Some("AROS")),
    // Distributions that uap-core knows only as Linux.
    (
        r"(?x)
            \b(ALT\ Linux|Astra\ Linux|Deepin|elementary\ OS|GhostBSD|Joli\ OS|Knoppix|Linspire
            |Manjaro|MidnightBSD|MX-Linux|Pardus|Peppermint|Pop!_OS|Raspbian|ReactOS|ROSA|Sabayon
            |Solus|Syllable|UOS|VectorLinux|Xandros|Xubuntu|Zenwalk|Zorin\ OS)\b
            (?:[/\ ](\d+)(?:\.(\d+)|)|)",
        Some("$1"),
    ),
];

/// Operating systems that uap-core does not know, in the same form. Tried last, as names of systems
/// are also found where others are meant.
pub(crate) const RARE_SYSTEMS: &[(&str, Option<&str>)] = &[
    (r"(Haiku)(?: R(\d+)|)", Some("Haiku")),
    (r"\b(BeOS)\b", Some("BeOS")),
    (r"(AmigaOS)(?: V?(\d+)(?:\.(\d+)|)|)", Some("AmigaOS")),
    (r"\b(Amiga)\b", Some("AmigaOS")),
    (r"\b(OS/2)(?:; Warp (\d+)\.(\d+)|)", Some("OS/2")),
    (r"\b(IRIX)(?:;?64|)(?: (\d+)\.(\d+)|)", Some("IRIX")),
    (r"\b(HP-UX)(?: [A-Z]\.(\d+)\.(\d+)|)", Some("HP-UX")),
    (r"\b(AIX)\b", Some("AIX")),
    (r"\b(OSF1)(?: V(\d+)\.(\d+)|)", Some("OSF1")),
    (r"\b(OpenVMS)\b", Some("OpenVMS")),
    (r"\b(QNX)\b", Some("QNX")),
    (r"\b(RISC OS)(?: (\d+)\.(\d+)|)", Some("RISC OS")),
    (r"\b(DragonFly)\b", Some("DragonFly BSD")),
    (r"\b(Plan 9)\b", Some("Plan 9")),
    (r"\b(Minix|MINIX)\b", Some("Minix")),
    (r"\b(SunOS)(?: (\d+)\.(\d+)|)", Some("Solaris")),
    (r"(Macintosh|Mac_Intel|Mac_PPC|Mac_PowerPC)", Some("Mac OS")),
    (r"(Tizen)", Some("Tizen")),
    (
        r"^(Nokia)\S+[ /].*(?:Series60|SymbianOS)",
        Some("Symbian OS"),
    ),
    (r"^(Nokia|NOKIA)\S+ .*Profile/MIDP", Some("Nokia Series 40")),
    (r"\b(MIDP)-\d.*\b[Nn]okia", Some("Nokia Series 40")),
    (
        r"\((?:FBAN|.*FBPN)/.*(com\.facebook\.katana)",
        Some("Android"),
    ),
    (r"\b(macOS)[ (](?:Catalyst\) ?|)(\d+)\.(\d+)", Some("macOS")),
    (r"(OpenSolaris)", Some("Solaris")),
    (r"(?i)\b(android)[ /](\d+)(?:\.(\d+)|)", Some("Android")),
    (r"\biOS(?: Version|) (\d+)\.(\d+)", Some("iOS")),
];
