/// Operating systems that uap-core does not know or gets wrong: the expression and the name. The
/// first group is not used, the further ones are the version.
pub(crate) const SYSTEMS: &[(&str, Option<&str>)] = &[
    // Apps state the true version where the web view's own is frozen.
    (
        r"(FBSN)/iOS;FBSV/(\d+)(?:\.(\d+)|)(?:\.(\d+)|)",
        Some("iOS"),
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
    // uap-core takes it for the Chromecast before it ran Android.
    (
        r"(Android) (\d+)(?:\.(\d+)|)(?:\.(\d+)|);.*CrKey",
        Some("Android"),
    ),
    (
        r"(OpenHarmony) (\d+)\.(\d+)(?:\.(\d+)|)",
        Some("OpenHarmony"),
    ),
    (r"(HarmonyOS)[;)]", Some("HarmonyOS")),
    (
        r"(visionOS)[/ ](\d+)[._](\d+)(?:[._](\d+)|)",
        Some("visionOS"),
    ),
];
