use std::error::Error;
use std::net::IpAddr;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};
use user_metadata_events::{UnixMillis, UserMetadataEvent};

use super::candidate::Sample;
use crate::Failure;
use crate::publish::events;

/// The rows of a transaction.
pub(super) const BATCH: usize = 4_000;

/// A row of the sink's table.
struct Row {
    id: Binary,
    timestamp: SystemTime,
    connection_time: SystemTime,
    client_id: Binary,
    ip: Option<IpAddr>,
    event: UserMetadataEvent,
}

/// Bytes in the binary format of a type.
#[derive(Debug)]
struct Binary(Vec<u8>);

impl ToSql for Binary {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::UUID, Type::JSONB].contains(ty)
    }

    to_sql_checked!();
}

impl From<UserMetadataEvent> for Row {
    fn from(event: UserMetadataEvent) -> Self {
        let time = |at: UnixMillis| SystemTime::UNIX_EPOCH + Duration::from_millis(at.as_u64());
        let connection = &event.connection_info;
        let ip = connection.ip_address.as_ref();
        Self {
            id: Binary(event.id.to_u128().to_be_bytes().to_vec()),
            timestamp: time(event.timestamp),
            connection_time: time(connection.connection_time),
            client_id: Binary(connection.client_id.to_u128().to_be_bytes().to_vec()),
            ip: ip.and_then(|ip| ip.to_string().parse().ok()),
            event,
        }
    }
}

/// Copies this many events, encoded as rows already, into the table of `url`.
pub(super) async fn copy(
    url: &str,
    templates: &[UserMetadataEvent],
    events: u64,
) -> Result<Sample, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let made = |number| events::made(templates, number).into();
    let rows: Vec<Row> = (0..events).map(made).collect();
    let cpu = crate::cpu::cpu_time(std::process::id())?;
    let start = Instant::now();
    for rows in rows.chunks(BATCH) {
        write(&client, rows).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu = crate::cpu::cpu_time(std::process::id())? - cpu;
    drop(client);
    connection.await??;
    Ok(Sample::new(events as f64, seconds, cpu))
}

async fn write(client: &Client, rows: &[Row]) -> Result<(), Failure> {
    const TYPES: [Type; 14] = [
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::UUID,
        Type::INET,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::JSONB,
    ];
    // Version 1 of the binary format, and what the sink writes for an ordinary event.
    let details = Binary([&[1][..], br#"{"ipSource": "peer"}"#].concat());
    let into =
        "COPY events (id, user_id, username, session_id, timestamp, connection_time, client_id,
        ip, user_agent, browser, os, device, language, details) FROM STDIN (FORMAT binary)";
    let mut writer = pin!(BinaryCopyInWriter::new(client.copy_in(into).await?, &TYPES));
    for Row {
        id,
        timestamp,
        connection_time,
        client_id,
        ip,
        event,
    } in rows
    {
        let metadata = &event.metadata;
        let row: [&(dyn ToSql + Sync); 14] = [
            id,
            &event.user_id,
            &event.username,
            &event.session_id,
            timestamp,
            connection_time,
            client_id,
            ip,
            &metadata.user_agent,
            &metadata.browser,
            &metadata.os,
            &metadata.device,
            &metadata.language,
            &details,
        ];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(())
}
