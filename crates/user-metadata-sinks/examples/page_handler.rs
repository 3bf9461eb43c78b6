//! A page that adapts to the visitor's device and shows who else is online:
//! `cargo run --example page_handler redis://localhost:6379`, then open
//! <http://127.0.0.1:3000/users/user-123>.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use user_metadata_sinks::Presence;

async fn page(
    State(presence): State<Presence>,
    Path(user): Path<String>,
) -> Result<Html<String>, StatusCode> {
    let lately = Duration::from_secs(300);
    let asked = tokio::try_join!(presence.latest(&user), presence.online(lately));
    let (latest, online) = asked.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let device = latest.and_then(|latest| latest.device);
    let layout = match device.as_deref() {
        Some("Mobile" | "Tablet") => "touch",
        _ => "wide",
    };
    let mobile = online.devices.get("Mobile").unwrap_or(&0);
    let users = online.users;
    Ok(Html(format!(
        "<body class={layout}>{users} online, {mobile} of them from a phone</body>"
    )))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "redis://localhost:6379".to_owned());
    let presence = Presence::connect(&url).await?;
    let pages = Router::new()
        .route("/users/{user}", get(page))
        .with_state(presence);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 3000)).await?;
    axum::serve(listener, pages).await?;
    Ok(())
}
