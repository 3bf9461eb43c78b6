use serde::Serialize;

/// The device a client runs on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Device {
    /// Its class.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<DeviceType>,
    /// Who makes it: `Apple`, `Samsung`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The model as its maker calls it: `iPhone`, `SM-S918B`, `Pixel 9 Pro`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// The class of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum DeviceType {
    /// A desktop or notebook computer.
    Desktop,
    /// A phone, or another device of that size.
    Mobile,
    /// A tablet or an electronic reader.
    Tablet,
    /// A television set, set-top box or streaming stick.
    #[serde(rename = "TV")]
    Tv,
    /// A game console, also a portable one.
    Console,
    /// A watch or another device that is worn.
    Wearable,
    /// The screen of a car.
    Car,
    /// A headset or glasses for virtual or augmented reality.
    #[serde(rename = "XR")]
    Xr,
    /// Not a person's device: a crawler, monitor or headless browser.
    Bot,
}

impl DeviceType {
    const ALL: [Self; 9] = [
        Self::Desktop,
        Self::Mobile,
        Self::Tablet,
        Self::Tv,
        Self::Console,
        Self::Wearable,
        Self::Car,
        Self::Xr,
        Self::Bot,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// The name that events carry: `Desktop`, `Mobile`, `Tablet`, `TV`, `Console`, `Wearable`,
    /// `Car`, `XR`, `Bot`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "Desktop",
            Self::Mobile => "Mobile",
            Self::Tablet => "Tablet",
            Self::Tv => "TV",
            Self::Console => "Console",
            Self::Wearable => "Wearable",
            Self::Car => "Car",
            Self::Xr => "XR",
            Self::Bot => "Bot",
        }
    }
}
