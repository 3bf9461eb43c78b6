use serde::{Deserialize, Serialize};

use crate::structured_field as field;

/// Client hints, as `navigator.userAgentData.getHighEntropyValues` returns them, with
/// `maxTouchPoints` of `navigator`; or as the `Sec-CH-UA…` request headers have them.
///
/// Unknown keys are ignored. What is absent or empty is unknown.
///
/// ```
/// use user_metadata_ua::ClientHints;
/// let hints: ClientHints = serde_json::from_str(
///     r#"{"brands":[{"brand":"Chromium","version":"142"}],"platform":"Windows","platformVersion":"15.0.0"}"#,
/// )?;
/// assert_eq!(hints.validate(), Ok(()));
/// let mut same = ClientHints::default();
/// same.set_header("Sec-CH-UA", r#""Chromium";v="142""#);
/// same.set_header("Sec-CH-UA-Platform", r#""Windows""#);
/// same.set_header("Sec-CH-UA-Platform-Version", r#""15.0.0""#);
/// assert_eq!(hints, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
#[non_exhaustive]
pub struct ClientHints {
    /// The brands with their major versions, invented ones (GREASE) among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brands: Vec<Brand>,
    /// The brands with their full versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub full_version_list: Vec<Brand>,
    /// `Windows`, `macOS`, `Linux`, `Android`, `Chrome OS`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The operating system's version; for Windows that of an API, 13 and more being Windows 11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// `x86`, `arm`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// `64` or `32`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitness: Option<String>,
    /// The device's model; empty on desktops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether the browser prefers mobile pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<bool>,
    /// `Desktop`, `Mobile`, `Tablet`, `Automotive`, `XR`, `EInk`, `Watch`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub form_factors: Vec<String>,
    /// Whether a 32-bit browser runs on 64-bit Windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wow64: Option<bool>,
    /// `navigator.maxTouchPoints`: an iPad that says it is a Mac has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_touch_points: Option<u32>,
    /// The Android app that shows the page, from the header `X-Requested-With`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_with: Option<String>,
}

/// One of a browser's names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct Brand {
    /// `Google Chrome`, `Chromium`, `Not=A?Brand`.
    pub brand: String,
    /// `142` or `142.0.7444.60`.
    pub version: String,
}

/// A client hint outside its limits. The value is not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
#[non_exhaustive]
pub struct InvalidHints {
    /// The field's path within the hints: `brands[3].version`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl ClientHints {
    /// The longest string, in Unicode scalar values.
    pub const MAX_STRING: usize = 128;
    /// The longest list.
    pub const MAX_ITEMS: usize = 16;

    /// Checks the limits for untrusted hints. [`Parser::parse`](crate::Parser) takes any hints;
    /// this is for services that store hints or answer with an error.
    ///
    /// # Errors
    ///
    /// [`InvalidHints`] names the first field that is too long.
    pub fn validate(&self) -> Result<(), InvalidHints> {
        for (name, brands) in [
            ("brands", &self.brands),
            ("fullVersionList", &self.full_version_list),
        ] {
            check_items(name, brands.len())?;
            for (index, Brand { brand, version }) in brands.iter().enumerate() {
                check_string(brand, || format!("{name}[{index}].brand"))?;
                check_string(version, || format!("{name}[{index}].version"))?;
            }
        }
        check_items("formFactors", self.form_factors.len())?;
        for (index, factor) in self.form_factors.iter().enumerate() {
            check_string(factor, || format!("formFactors[{index}]"))?;
        }
        for (name, text) in [
            ("platform", &self.platform),
            ("platformVersion", &self.platform_version),
            ("architecture", &self.architecture),
            ("bitness", &self.bitness),
            ("model", &self.model),
            ("requestedWith", &self.requested_with),
        ] {
            check_string(text.as_deref().unwrap_or_default(), || name.to_owned())?;
        }
        Ok(())
    }

    /// Sets the hint of a request header, if it is a client hint: `Sec-CH-UA`, `Sec-CH-UA-…`,
    /// `X-Requested-With`. The name may be in any case. Others, and values that are not structured
    /// fields (RFC 9651), are ignored.
    pub fn set_header(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "sec-ch-ua" => self.brands = field::brands(value),
            "sec-ch-ua-full-version-list" => self.full_version_list = field::brands(value),
            "sec-ch-ua-platform" => self.platform = field::string(value),
            "sec-ch-ua-platform-version" => self.platform_version = field::string(value),
            "sec-ch-ua-arch" => self.architecture = field::string(value),
            "sec-ch-ua-bitness" => self.bitness = field::string(value),
            "sec-ch-ua-model" => self.model = field::string(value),
            "sec-ch-ua-mobile" => self.mobile = field::boolean(value),
            "sec-ch-ua-wow64" => self.wow64 = field::boolean(value),
            "sec-ch-ua-form-factors" => self.form_factors = field::strings(value),
            "x-requested-with" => self.requested_with = Some(value.trim().to_owned()),
            _ => {}
        }
    }

    /// Whether there is no hint at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These hints, and where one is absent, that of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        fn either<T>(mine: Vec<T>, other: Vec<T>) -> Vec<T> {
            if mine.is_empty() { other } else { mine }
        }
        Self {
            brands: either(self.brands, other.brands),
            full_version_list: either(self.full_version_list, other.full_version_list),
            platform: self.platform.or(other.platform),
            platform_version: self.platform_version.or(other.platform_version),
            architecture: self.architecture.or(other.architecture),
            bitness: self.bitness.or(other.bitness),
            model: self.model.or(other.model),
            mobile: self.mobile.or(other.mobile),
            form_factors: either(self.form_factors, other.form_factors),
            wow64: self.wow64.or(other.wow64),
            max_touch_points: self.max_touch_points.or(other.max_touch_points),
            requested_with: self.requested_with.or(other.requested_with),
        }
    }
}

fn check_items(field: &str, items: usize) -> Result<(), InvalidHints> {
    if items <= ClientHints::MAX_ITEMS {
        return Ok(());
    }
    Err(InvalidHints {
        field: field.to_owned(),
        problem: format!(
            "has {items} items; at most {} are allowed",
            ClientHints::MAX_ITEMS
        ),
    })
}

fn check_string(text: &str, field: impl FnOnce() -> String) -> Result<(), InvalidHints> {
    let length = text.chars().count();
    if length <= ClientHints::MAX_STRING {
        return Ok(());
    }
    Err(InvalidHints {
        field: field(),
        problem: format!(
            "has {length} characters; at most {} are allowed",
            ClientHints::MAX_STRING
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_over_its_limit_is_named() {
        let long = "x".repeat(129);
        for (json, field) in [
            (format!(r#"{{"model":"{long}"}}"#), "model"),
            (
                format!(r#"{{"brands":[{{}},{{}},{{}},{{"version":"{long}"}}]}}"#),
                "brands[3].version",
            ),
            (
                format!(r#"{{"formFactors":["Tablet","{long}"]}}"#),
                "formFactors[1]",
            ),
            (
                format!(r#"{{"fullVersionList":[{}{{}}]}}"#, "{},".repeat(16)),
                "fullVersionList",
            ),
        ] {
            let hints: ClientHints = serde_json::from_str(&json).unwrap();
            let invalid = hints.validate().unwrap_err();
            assert_eq!(invalid.field, field);
            assert!(!invalid.to_string().contains("xx"), "quotes the value");
        }
        let at_the_limit = format!(r#"{{"model":"{}"}}"#, "é".repeat(128));
        let hints: ClientHints = serde_json::from_str(&at_the_limit).unwrap();
        assert_eq!(hints.validate(), Ok(()));
    }

    #[test]
    fn unknown_keys_are_ignored_and_known_ones_survive_a_round_trip() {
        let json =
            r#"{"architecture":"x86","uaFullVersion":"142.0","wow64":false,"maxTouchPoints":10}"#;
        let hints: ClientHints = serde_json::from_str(json).unwrap();
        assert_eq!(hints.max_touch_points, Some(10));
        let again = serde_json::to_string(&hints).unwrap();
        assert_eq!(
            again,
            r#"{"architecture":"x86","wow64":false,"maxTouchPoints":10}"#
        );
    }

    #[test]
    fn the_first_hints_win_field_by_field() {
        let mut first = ClientHints::default();
        first.set_header("sec-ch-ua-platform", "\"Android\"");
        first.set_header("sec-ch-ua-mobile", "?0");
        let mut second = ClientHints::default();
        second.set_header("sec-ch-ua-platform", "\"Windows\"");
        second.set_header("SEC-CH-UA-MODEL", "\"Pixel 9\"");
        second.set_header("sec-ch-ua-mobile", "?1");
        second.set_header("accept", "text/html");
        let both = first.or(second);
        assert_eq!(both.platform.as_deref(), Some("Android"));
        assert_eq!(both.model.as_deref(), Some("Pixel 9"));
        assert_eq!(both.mobile, Some(false));
        assert!(!both.is_empty() && ClientHints::default().is_empty());
    }
}
