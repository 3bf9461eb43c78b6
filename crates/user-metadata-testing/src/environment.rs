use std::process::Command;

/// The value of an environment variable, unless it is empty.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether `CI=true`: nothing that a test needs may be missing.
#[must_use]
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}

/// A server's URL with another database in it.
pub(crate) fn with_database(url: &str, name: &str) -> String {
    let (url, options) = match url.split_once('?') {
        Some((url, options)) => (url, format!("?{options}")),
        None => (url, String::new()),
    };
    let authority = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[authority..].find('/').map(|slash| authority + slash);
    format!("{}/{name}{options}", &url[..end.unwrap_or(url.len())])
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_database_of_their_own_is_what_tests_change_in_a_url() {
        for (url, expected) in [
            ("postgres://u:p@h:5432/db", "postgres://u:p@h:5432/t"),
            ("postgres://u@h", "postgres://u@h/t"),
            (
                "postgres://u@h/db?sslmode=require",
                "postgres://u@h/t?sslmode=require",
            ),
            ("mongodb://h:1", "mongodb://h:1/t"),
            ("mongodb://h:1/", "mongodb://h:1/t"),
            (
                "mongodb://u:p@h,i/db?tls=true",
                "mongodb://u:p@h,i/t?tls=true",
            ),
        ] {
            assert_eq!(with_database(url, "t"), expected);
        }
    }
}
