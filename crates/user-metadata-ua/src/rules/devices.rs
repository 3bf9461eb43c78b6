use crate::DeviceType::{self, Car, Console, Tablet, Tv, Wearable, Xr};

/// The class of a device by words of the User-Agent. What no rule matches is classified by its
/// operating system.
pub(crate) const DEVICES: &[(&str, DeviceType)] = &[
    (
        r"PlayStation|PLAYSTATION|\bXbox\b|Nintendo|Steam ?Deck|Valve Steam Gamepad|\bOUYA\b",
        Console,
    ),
    (
        r"(?x)
            OculusBrowser|;\ Quest(?:\ \w+)*[;)]|\bPico(?:\ Neo|\ 4|\ G2)|PICO\ \w+\ Build
            |Wolvic/|VRBrowser|visionOS|HoloLens|\bVIVE\ Focus",
        Xr,
    ),
    (
        r"QtCarBrowser|\bTesla/|Automotive|\bPolestar\b|CarBrowser",
        Car,
    ),
    (
        r"watchOS|Apple Watch|\bWatch\d+,\d+\b|\bSM-R[789]\d\d|Galaxy Watch|\bWear OS\b",
        Wearable,
    ),
    // Television sets and boxes, by what standards and makers put in…
    (
        r"(?xi)
            smart-?tv|google\ ?tv|android\ ?tv|apple\ ?tv|\btvos\b|hbbtv|ce-html|netcast
            |inettvbrowser|large\ screen|\bdtv\b|\bnettv\b",
        Tv,
    ),
    (
        r"(?x)
            Web0S|webOS\.TV|\bBRAVIA\b|VIDAA|\bViera\b|\bVIERA\b|\bRoku\b|CrKey|\bMiTV|MiBOX
            |MIBOX|\bMi\ Box|TV\ Box|SHIELD\ Android|\bSTB\b|Freebox|Maple_\d",
        Tv,
    ),
    (r"\bTizen\b.*\bTV\b|\bTV\b.*(?:Safari|Build)|\(TV;", Tv),
    // …and Amazon's sticks by model.
    (r"\bAFT[A-Z0-9]{1,8}\b", Tv),
    // Tablets that say so, and those that say Mobile, by model.
    (
        r"\biPad\b|\bTablet[;) ](?:[^P]|$)|RIM Tablet|PlayBook|\bKindle\b|Silk-Accelerated",
        Tablet,
    ),
    (
        r"(?x)
            \bKF[A-Z]{2,6}\b|\bNexus\ (?:7|9|10)\b|\bPixel\ (?:C|Tablet)\b|\bSM-[TXP]\d{3}
            |\bGT-P\d{4}|\bGT-N(?:51|80)\d\d|Galaxy\ Tab",
        Tablet,
    ),
    (
        r"(?x)
            Lenovo\ (?:TB|Tab|YT|YOGA)|\bTB-?[X\d]\w{3}|\bTB\d{3}[A-Z]{2}|Yoga\ Tab|MediaPad
            |MatePad|\b(?:Xiaomi|Redmi|OnePlus|realme|HONOR|vivo|OPPO)\ Pad\b|\bOPD\d{4}
            |\bRMP\d{4}",
        Tablet,
    ),
    (
        r"(?x)
            \b(?:AGS|BAH|SCM|MRX|DBY|BTK|AGR|KOB|JDN|CMR|VRD)\w?-[WALT]\d\d
            |\bTab\ [A-Z]?\d+\b|\biPlay\ ?\d+|\bXoom\b|Transformer\ (?:TF|Prime|Pad)",
        Tablet,
    ),
];
