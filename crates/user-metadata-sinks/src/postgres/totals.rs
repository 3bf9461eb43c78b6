use std::net::IpAddr;

use tokio_postgres::{Error, GenericClient, Statement};

use super::row::Row;
use super::values::Micros;
use crate::totals::{Total, totals};

/// Adds new rows to `users`.
pub(super) const USERS: &str = "
    insert into users as u (user_id, username, first_seen, last_seen, events, browser, os, device,
        language, ip)
    select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[],
        $6::text[], $7::text[], $8::text[], $9::text[], $10::inet[])
    on conflict (user_id) do update set
        username = case when excluded.last_seen >= u.last_seen then excluded.username else u.username end,
        browser = case when excluded.last_seen >= u.last_seen then excluded.browser else u.browser end,
        os = case when excluded.last_seen >= u.last_seen then excluded.os else u.os end,
        device = case when excluded.last_seen >= u.last_seen then excluded.device else u.device end,
        language = case when excluded.last_seen >= u.last_seen then excluded.language else u.language end,
        ip = case when excluded.last_seen >= u.last_seen then excluded.ip else u.ip end,
        first_seen = least(u.first_seen, excluded.first_seen),
        last_seen = greatest(u.last_seen, excluded.last_seen),
        events = u.events + excluded.events";

/// The same for `sessions`.
pub(super) const SESSIONS: &str = "
    insert into sessions as s (user_id, session_id, started_at, last_seen, events, browser, os,
        device, ip)
    select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[],
        $6::text[], $7::text[], $8::text[], $9::inet[])
    on conflict (user_id, session_id) do update set
        browser = case when excluded.last_seen >= s.last_seen then excluded.browser else s.browser end,
        os = case when excluded.last_seen >= s.last_seen then excluded.os else s.os end,
        device = case when excluded.last_seen >= s.last_seen then excluded.device else s.device end,
        ip = case when excluded.last_seen >= s.last_seen then excluded.ip else s.ip end,
        started_at = least(s.started_at, excluded.started_at),
        last_seen = greatest(s.last_seen, excluded.last_seen),
        events = s.events + excluded.events";

/// One column of all totals.
fn column<'a, T>(totals: &[Total<'a, Row<'a>>], value: impl Fn(&'a Row<'a>) -> T) -> Vec<T> {
    totals.iter().map(|total| value(total.newest)).collect()
}

/// When each was first seen.
fn firsts(totals: &[Total<'_, Row<'_>>]) -> Vec<Micros> {
    totals.iter().map(|total| total.oldest.timestamp).collect()
}

fn events(totals: &[Total<'_, Row<'_>>]) -> Vec<i64> {
    totals.iter().map(|total| total.events).collect()
}

/// Runs [`USERS`].
pub(super) async fn add_users<'a>(
    client: &impl GenericClient,
    statement: &Statement,
    rows: &[&'a Row<'a>],
) -> Result<(), Error> {
    let users = totals(rows, |row| &*row.user_id, Row::key);
    let ips: Vec<Option<IpAddr>> = column(&users, |row| row.ip);
    client
        .execute(
            statement,
            &[
                &column(&users, |row| &*row.user_id),
                &column(&users, |row| &*row.username),
                &firsts(&users),
                &column(&users, |row| row.timestamp),
                &events(&users),
                &column(&users, |row| row.browser.as_deref()),
                &column(&users, |row| row.os.as_deref()),
                &column(&users, |row| row.device.as_deref()),
                &column(&users, |row| row.language.as_deref()),
                &ips,
            ],
        )
        .await
        .map(drop)
}

/// Runs [`SESSIONS`].
pub(super) async fn add_sessions<'a>(
    client: &impl GenericClient,
    statement: &Statement,
    rows: &[&'a Row<'a>],
) -> Result<(), Error> {
    let sessions = totals(rows, |row| (&*row.user_id, &*row.session_id), Row::key);
    let ips: Vec<Option<IpAddr>> = column(&sessions, |row| row.ip);
    client
        .execute(
            statement,
            &[
                &column(&sessions, |row| &*row.user_id),
                &column(&sessions, |row| &*row.session_id),
                &firsts(&sessions),
                &column(&sessions, |row| row.timestamp),
                &events(&sessions),
                &column(&sessions, |row| row.browser.as_deref()),
                &column(&sessions, |row| row.os.as_deref()),
                &column(&sessions, |row| row.device.as_deref()),
                &ips,
            ],
        )
        .await
        .map(drop)
}
